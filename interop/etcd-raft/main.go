// Answers interaction scripts with etcd-io/raft's own test environment. Reads scripts from standard input, each ended by a
// line "====", and writes them back in the same form with the outputs that the reference gives. Answers to commands that
// our scripts have and rafttest has not (read-index, restart, max-size-per-msg) are given by the reference's public calls.
//
// A script ends early where the reference panics or does not come to rest: what a program may not do has no right answer.
// Compactions beyond the end of a log are left out.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/cockroachdb/datadriven"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/rafttest"
)

const (
	scriptEnd      = "===="
	outputBegin    = "----"
	commandSeconds = 2
	fatalLogLevel  = 4
	noLogLevel     = 5
)

type world struct {
	env            *rafttest.InteractionEnv
	maxSizePerMsg  uint64
	limitsMessages bool
}

func newWorld() *world {
	w := &world{}
	w.env = rafttest.NewInteractionEnv(&rafttest.InteractionOpts{
		OnConfig: func(cfg *raft.Config) {
			if w.limitsMessages {
				cfg.MaxSizePerMsg = w.maxSizePerMsg
			}
		},
		SetRandomizedElectionTimeout: setRandomizedElectionTimeout,
	})
	// What the library says is not part of what it does.
	w.env.Output.Lvl = fatalLogLevel
	return w
}

// Only the level at which nothing at all is printed differs from the others.
func (w *world) setLogLevel(level string) {
	w.env.Output.Lvl = fatalLogLevel
	if strings.EqualFold(level, "none") {
		w.env.Output.Lvl = noLogLevel
	}
}

// The reference lets only its own tests choose the time-out.
func setRandomizedElectionTimeout(node *raft.RawNode, timeout int) {
	field := reflect.ValueOf(node).Elem().FieldByName("raft").Elem().FieldByName("randomizedElectionTimeout")
	*(*int)(unsafe.Pointer(field.UnsafeAddr())) = timeout
}

func (w *world) run(d datadriven.TestData) string {
	switch d.Cmd {
	case "log-level":
		w.setLogLevel(d.CmdArgs[0].Key)
		return "ok"
	case "read-index":
		w.env.Nodes[number(d, 0)-1].ReadIndex([]byte(d.CmdArgs[1].Key))
		return "ok"
	case "restart":
		if err := w.restart(number(d, 0)); err != nil {
			return err.Error()
		}
		return "ok"
	case "add-nodes":
		w.limitsMessages = false
		for _, arg := range d.CmdArgs {
			if arg.Key == "max-size-per-msg" {
				w.limitsMessages = true
				w.maxSizePerMsg = must(strconv.ParseUint(arg.Vals[0], 10, 64))
			}
		}
	}
	return w.env.Handle(&testing.T{}, d)
}

// The member loses all that it did not store, and its messages to itself and from its own threads.
func (w *world) restart(id uint64) error {
	node := &w.env.Nodes[id-1]
	storage, ok := reflect.ValueOf(node.Storage).FieldByName("Storage").Interface().(*raft.MemoryStorage)
	if !ok {
		return errors.New("the storage has an unknown type")
	}
	snapshot, err := storage.Snapshot()
	if err != nil {
		return err
	}
	node.Config.Applied = snapshot.GetMetadata().GetIndex()
	restarted, err := raft.NewRawNode(node.Config)
	if err != nil {
		return err
	}
	node.RawNode, node.AppendWork, node.ApplyWork = restarted, nil, nil
	node.History = []*raftpb.Snapshot{snapshot}
	var kept []*raftpb.Message
	for _, m := range w.env.Messages {
		local := m.GetFrom() == m.GetTo() || raft.IsLocalMsgTarget(m.GetFrom())
		if m.GetTo() != id || !local {
			kept = append(kept, m)
		}
	}
	w.env.Messages = kept
	return nil
}

// Whether the test environment cannot carry out the command: its storage panics on a compaction beyond its end.
func (w *world) impossible(d datadriven.TestData) bool {
	if d.Cmd != "compact" {
		return false
	}
	id := number(d, 0)
	return id > uint64(len(w.env.Nodes)) || number(d, 1) > must(w.env.Nodes[id-1].LastIndex())
}

// The output of one command, or what kept the reference from giving one.
func (w *world) answer(d datadriven.TestData) (output string, refused string) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if reason := recover(); reason != nil {
				refused = fmt.Sprint(reason)
			}
		}()
		refused = "a check of the test environment ended the command"
		output = w.run(d)
		refused = ""
	}()
	select {
	case <-done:
		return output, refused
	case <-time.After(commandSeconds * time.Second):
		return "", "does not come to rest"
	}
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<26)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	var lines []string
	for in.Scan() {
		if in.Text() != scriptEnd {
			lines = append(lines, in.Text())
			continue
		}
		answerScript(lines, out)
		fmt.Fprintln(out, scriptEnd)
		lines = nil
	}
	if err := in.Err(); err != nil {
		panic(err)
	}
}

// Only what stands before "----" is read; old outputs are passed over.
func answerScript(lines []string, out *bufio.Writer) {
	w := newWorld()
	for at := 0; at < len(lines); at++ {
		if lines[at] == "" || strings.HasPrefix(lines[at], "#") {
			continue
		}
		head := lines[at]
		var input []string
		for at++; at < len(lines) && lines[at] != outputBegin; at++ {
			input = append(input, lines[at])
		}
		for at+1 < len(lines) && lines[at+1] != "" {
			at++
		}
		command, args, err := datadriven.ParseLine(head)
		if err != nil {
			panic(err)
		}
		data := datadriven.TestData{Cmd: command, CmdArgs: args, Input: strings.Join(input, "\n")}
		if w.impossible(data) {
			continue
		}
		output, refused := w.answer(data)
		if refused != "" {
			fmt.Fprintf(out, "# %s: %s\n", head, strings.ReplaceAll(refused, "\n", " "))
			return
		}
		fmt.Fprintln(out, head)
		for _, line := range input {
			fmt.Fprintln(out, line)
		}
		fmt.Fprintf(out, "%s\n%s\n\n", outputBegin, strings.TrimRight(output, "\n"))
	}
}

func number(d datadriven.TestData, place int) uint64 {
	return must(strconv.ParseUint(d.CmdArgs[place].Key, 10, 64))
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
