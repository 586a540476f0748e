package plan

import _ "github.com/wadm-go/wadm/internal/status"
