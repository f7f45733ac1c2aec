----------------------------- MODULE TraceRaft ------------------------------
(***************************************************************************)
(* Whether traces of the core are behaviours of Raft. packages/raft/test/trace turns *)
(* each event into steps: its input, then what the member did of its own   *)
(* accord (proposals, reads taken up), then each message that it sent. A   *)
(* step is one action of Raft; after an event the recorded state must      *)
(* stand. A run that cannot take its next step is refused.                 *)
(***************************************************************************)
EXTENDS Raft, TraceData, TLC

VARIABLES run, step

Steps == Data[run].steps
Current == Steps[step]
Message(i) == Data[run].messages[i]

Agrees(n, e) ==
    LET s == node'[n]
    IN /\ s.role = e.role /\ s.term = e.term /\ s.vote = e.vote /\ s.leader = e.leader
       /\ s.commit = e.commit /\ s.applied = e.applied
       /\ s.log.base.index = e.compacted /\ LastId(s.log) = e.last
       /\ s.conf = e.conf /\ s.transferee = e.transferee
       /\ held'[n] = {Message(i) : i \in e.held}

Stays == UNCHANGED vars

(* What the input may do; where the clock or a preference decides, each.   *)
Taken(n, c) ==
    CASE c.op = "none" -> Stays
      [] c.op = "restart" -> Crash(n)
      [] c.op = "tick" -> Stays \/ TimeoutTrial(n) \/ Timeout(n) \/ QuitLeading(n) \/ AbortTransfer(n)
      [] c.op = "campaign" -> Stays \/ TimeoutTrial(n) \/ Timeout(n)
      [] c.op = "receive" ->
             LET m == Message(c.message)
             IN \/ Receive(n, m)
                \/ /\ m.type = "transfer-leadership" /\ m \in network /\ m.to = n
                   /\ IF m.from = n THEN AbortTransfer(n) ELSE StartTransfer(n, m.from)
      [] c.op = "transfer" -> Stays \/ StartTransfer(n, c.number) \/ AbortTransfer(n)
      [] c.op = "forget-leader" -> Stays \/ ForgetLeader(n)
      [] c.op = "ready" -> Ready(n)
      [] c.op = "persisted" -> Persisted(n)
      [] c.op = "apply-conf-change" -> ApplyConf(n)
      [] c.op = "applied" -> Applied(n)
      [] c.op = "compacted" -> Compact(n, c.number)
      [] c.op = "append" -> Propose(n, Data[run].entries[c.number])
      [] c.op = "start-read" -> StartRead(n)
      [] c.op = "send" -> Send(n, Message(c.message))
      [] c.op = "sent" -> Message(c.message) \in network /\ Stays

TraceInit == Init /\ run \in 1 .. Len(Data) /\ step = 1
TraceNext ==
    /\ step <= Len(Steps)
    /\ Taken(Current.node, Current)
    /\ IF Current.after = <<>> THEN TRUE ELSE Agrees(Current.node, Current.after[1])
    /\ step' = step + 1
    /\ run' = run
    /\ IF step = Len(Steps) THEN PrintT(<<"accepted", run>>) ELSE TRUE
Finished == step > Len(Steps) /\ UNCHANGED <<vars, run, step>>

TraceSpec == TraceInit /\ [][TraceNext \/ Finished]_<<vars, run, step>>
=============================================================================
