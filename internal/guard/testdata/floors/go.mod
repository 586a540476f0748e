module github.com/wadm-go/wadm

go 1.26.0
