//go:build tools

// Package tools pins the etcd command-line client that the interoperability test builds.
package tools

import _ "go.etcd.io/etcd/etcdctl/v3"
