// Command porcupine answers, for each line of its input, whether the register history on it is linearizable, as
// github.com/anishathalye/porcupine sees it: "ok", "illegal" or "unknown", one line each.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

type input struct {
	Kind     string  `json:"kind"`
	Value    *string `json:"value"`
	Expected *string `json:"expected"`
}

type output struct {
	Kind  string  `json:"kind"`
	Value *string `json:"value"`
	Ok    bool    `json:"ok"`
}

type operation struct {
	Input      input   `json:"input"`
	Output     *output `json:"output"`
	CalledAt   int64   `json:"calledAt"`
	ReturnedAt *int64  `json:"returnedAt"`
}

// The state is the register's value; the empty string is "never written", which no client writes.
var register = porcupine.Model{
	Init: func() interface{} { return "" },
	Step: func(state, in, out interface{}) (bool, interface{}) {
		value, asked, told := state.(string), in.(input), out.(*output)
		switch asked.Kind {
		case "read":
			return told == nil || text(told.Value) == value, value
		case "write":
			return true, text(asked.Value)
		case "cas":
			ok := value == text(asked.Expected)
			next := value
			if ok {
				next = text(asked.Value)
			}
			return told == nil || told.Ok == ok, next
		}
		panic("unknown kind of operation: " + asked.Kind)
	},
}

func text(value *string) string {
	if value == nil {
		return ""
	}
	return *value
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	answers := bufio.NewWriter(os.Stdout)
	defer answers.Flush()
	for lines.Scan() {
		var operations []operation
		if err := json.Unmarshal(lines.Bytes(), &operations); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		history := make([]porcupine.Operation, len(operations))
		for i, one := range operations {
			end := int64(math.MaxInt64)
			if one.ReturnedAt != nil {
				end = *one.ReturnedAt
			}
			// Each operation counts as a client of its own: the checker does not look at who asked.
			history[i] = porcupine.Operation{ClientId: i, Input: one.Input, Call: one.CalledAt, Output: one.Output, Return: end}
		}
		switch porcupine.CheckOperationsTimeout(register, history, time.Minute) {
		case porcupine.Ok:
			fmt.Fprintln(answers, "ok")
		case porcupine.Illegal:
			fmt.Fprintln(answers, "illegal")
		default:
			fmt.Fprintln(answers, "unknown")
		}
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
