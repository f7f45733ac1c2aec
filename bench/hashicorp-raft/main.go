// Three hashicorp/raft nodes in one process, over TCP on loopback, each with its own raft-wal that syncs: committed and applied
// commands per second at several numbers of commands in flight. One JSON line for each number.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
)

// counter is the state machine: it counts, so that what is measured is consensus.
type counter struct{ applied atomic.Uint64 }

func (c *counter) Apply(*raft.Log) any                 { return c.applied.Add(1) }
func (c *counter) Snapshot() (raft.FSMSnapshot, error) { return emptySnapshot{}, nil }
func (c *counter) Restore(image io.ReadCloser) error   { return image.Close() }

type emptySnapshot struct{}

func (emptySnapshot) Persist(sink raft.SnapshotSink) error { return sink.Close() }
func (emptySnapshot) Release()                             {}

type result struct {
	InFlight  int     `json:"inFlight"`
	PerSecond float64 `json:"perSecond"`
	CPUUs     float64 `json:"cpuUs"`
}

func main() {
	seconds := flag.Float64("seconds", 4, "how long each measurement takes")
	inFlight := flag.String("in-flight", "1,64,1024", "commands in flight")
	batch := flag.Bool("batch", true, "queue commands while a batch is on its way (BatchApplyCh)")
	flag.Parse()
	folder, err := os.MkdirTemp("", "bench-hashicorp-raft-")
	check(err)
	defer os.RemoveAll(folder)
	nodes := start(folder, 3, *batch)
	leader := waitForLeader(nodes)
	for _, text := range strings.Split(*inFlight, ",") {
		count, err := strconv.Atoi(text)
		check(err)
		measure(leader, count, 1) // Warms up.
		line, err := json.Marshal(measure(leader, count, *seconds))
		check(err)
		fmt.Println(string(line))
	}
	for _, node := range nodes {
		check(node.Shutdown().Error())
	}
}

func start(folder string, count int, batch bool) []*raft.Raft {
	nodes := make([]*raft.Raft, count)
	servers := make([]raft.Server, count)
	transports := make([]*raft.NetworkTransport, count)
	for i := range nodes {
		transport, err := raft.NewTCPTransportWithLogger("127.0.0.1:0", nil, 4, 10*time.Second, hclog.NewNullLogger())
		check(err)
		transports[i] = transport
		servers[i] = raft.Server{ID: raft.ServerID(strconv.Itoa(i)), Address: transport.LocalAddr()}
	}
	for i := range nodes {
		home := filepath.Join(folder, strconv.Itoa(i))
		check(os.MkdirAll(home, 0o700))
		log, err := wal.Open(home)
		check(err)
		snapshots, err := raft.NewFileSnapshotStoreWithLogger(home, 1, hclog.NewNullLogger())
		check(err)
		config := raft.DefaultConfig()
		config.LocalID = servers[i].ID
		config.Logger = hclog.NewNullLogger()
		config.MaxAppendEntries = 1024
		config.BatchApplyCh = batch
		check(raft.BootstrapCluster(config, log, log, snapshots, transports[i], raft.Configuration{Servers: servers}))
		nodes[i], err = raft.NewRaft(config, &counter{}, log, log, snapshots, transports[i])
		check(err)
	}
	return nodes
}

func waitForLeader(nodes []*raft.Raft) *raft.Raft {
	for range 1000 {
		for _, node := range nodes {
			if node.State() == raft.Leader {
				return node
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	panic("no leader within 10 s")
}

func measure(leader *raft.Raft, inFlight int, seconds float64) result {
	var applied atomic.Uint64
	var workers sync.WaitGroup
	command := make([]byte, 256)
	cpu := cpuSeconds()
	begin := time.Now()
	end := begin.Add(time.Duration(seconds * float64(time.Second)))
	for range inFlight {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for time.Now().Before(end) {
				check(leader.Apply(command, 10*time.Second).Error())
				applied.Add(1)
			}
		}()
	}
	workers.Wait()
	count := float64(applied.Load())
	return result{inFlight, count / time.Since(begin).Seconds(), (cpuSeconds() - cpu) * 1e6 / count}
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
