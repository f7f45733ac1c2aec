//go:build tools

// Package tools pins etcd's own load generator, so that anybody builds the same one.
package tools

import _ "go.etcd.io/etcd/v3/tools/benchmark"
