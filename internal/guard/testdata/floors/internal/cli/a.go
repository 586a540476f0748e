package cli

import _ "github.com/wadm-go/wadm/client"
