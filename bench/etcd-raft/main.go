// Measures etcd-io/raft in the shape in which bench/core.ts measures our core: all members in one goroutine, in memory, messages
// handed from one to the next, entries of 256 bytes, trial elections on, the log cut behind what is applied.
//
// usage: etcd-raft-bench MEMBERS BATCH ENTRIES; prints the seconds of CPU taken and the messages stepped.
package main

import (
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

const (
	payloadBytes  = 256
	trailingCount = 10_000
)

type member struct {
	node    *raft.RawNode
	storage *raft.MemoryStorage
	applied uint64
	base    uint64
}

type group struct {
	members   []*member
	stepCount int
}

func newGroup(count int) *group {
	voters := make([]uint64, count)
	for i := range voters {
		voters[i] = uint64(i + 1)
	}
	g := &group{}
	for _, id := range voters {
		storage := raft.NewMemoryStorage()
		index, term := uint64(2), uint64(1)
		check(storage.ApplySnapshot(&raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{
			Index: &index, Term: &term, ConfState: &raftpb.ConfState{Voters: voters},
		}}))
		node, err := raft.NewRawNode(&raft.Config{
			ID:              id,
			ElectionTick:    10,
			HeartbeatTick:   1,
			Storage:         storage,
			Applied:         index,
			MaxSizePerMsg:   math.MaxUint64,
			MaxInflightMsgs: 256,
			PreVote:         true,
			Logger:          &raft.DefaultLogger{Logger: log.New(io.Discard, "", 0)},
		})
		check(err)
		g.members = append(g.members, &member{node: node, storage: storage, applied: index, base: index})
	}
	return g
}

func (g *group) settle() {
	for busy := true; busy; {
		busy = false
		for _, m := range g.members {
			for m.node.HasReady() {
				busy = true
				g.runReady(m)
			}
		}
	}
}

func (g *group) runReady(m *member) {
	ready := m.node.Ready()
	if !raft.IsEmptyHardState(ready.HardState) {
		check(m.storage.SetHardState(ready.HardState))
	}
	check(m.storage.Append(ready.Entries))
	for _, message := range ready.Messages {
		g.stepCount++
		check(g.members[message.GetTo()-1].node.Step(message))
	}
	if n := len(ready.CommittedEntries); n > 0 {
		m.applied = ready.CommittedEntries[n-1].GetIndex()
	}
	m.node.Advance(ready)
	if m.applied > m.base+2*trailingCount {
		m.base = m.applied - trailingCount
		check(m.storage.Compact(m.base))
	}
}

func (g *group) propose(batch int, payload []byte) {
	entries := make([]*raftpb.Entry, batch)
	for i := range entries {
		entries[i] = &raftpb.Entry{Data: payload}
	}
	from := uint64(1)
	g.stepCount++
	check(g.members[0].node.Step(&raftpb.Message{Type: raftpb.MsgProp.Enum(), From: &from, Entries: entries}))
}

func main() {
	runtime.GOMAXPROCS(1) // As our core has it; the garbage collector shares it.
	memberCount, batch, entryCount := argument(1), argument(2), argument(3)
	payload := make([]byte, payloadBytes)
	g := newGroup(memberCount)
	check(g.members[0].node.Campaign())
	g.settle()
	run := func(entries int) {
		for proposed := 0; proposed < entries; proposed += batch {
			g.propose(batch, payload)
			g.settle()
		}
	}
	run(entryCount / 10)
	g.stepCount = 0
	start := cpuSeconds()
	run(entryCount)
	seconds := cpuSeconds() - start
	for _, m := range g.members {
		if m.applied < uint64(entryCount) {
			panic("not everything was applied everywhere")
		}
	}
	fmt.Printf("%f %d\n", seconds, g.stepCount)
}

// CPU time of all threads: on a machine that others use as well, the clock on the wall says little.
func cpuSeconds() float64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

func argument(place int) int {
	value, err := strconv.Atoi(os.Args[place])
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
