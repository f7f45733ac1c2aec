-------------------------------- MODULE Raft --------------------------------
(***************************************************************************)
(* The protocol of @quorate/raft. One action is one input of the core:     *)
(* what a member does with it is a function from its state to possible     *)
(* outcomes. Storage is asynchronous: a member hands an image of its state *)
(* to the disk (Ready), the disk finishes images in order (Persisted), and *)
(* a crash forgets everything else. Messages that report state are held    *)
(* until the image that they report is durable. RAFT names the sections of *)
(* Ongaro's dissertation, FIG the figures of the paper.                    *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS
    Node,              \* all members that there may ever be, as positive numbers
    InitialConf,       \* the first configuration
    EarlyRequestVote   \* TRUE: the mistake of asking for votes before the own log and term are durable

VARIABLES
    node,      \* what each member has in memory
    held,      \* messages that wait for the next image
    writes,    \* images on their way to the disk, oldest first, each with the messages that it releases
    durable,   \* what each member finds again after a crash
    network,   \* every message ever sent: it may arrive late, often, never, in any order
    chosen,    \* history: the committed entries, with the term and the configuration that committed each
    confs,     \* history: the configurations that the committed entries lead through
    leaders    \* history: who led in which term

memory == <<node, held, writes, durable>>
history == <<chosen, confs, leaders>>
vars == <<node, held, writes, durable, network, chosen, confs, leaders>>

NoNode == 0
Min(a, b) == IF a < b THEN a ELSE b
Max(a, b) == IF a > b THEN a ELSE b
MaxOf(S) == CHOOSE x \in S : \A y \in S : y <= x

-----------------------------------------------------------------------------
(* Logs. Below `base` everything is compacted; `conf` is the configuration *)
(* there. What a command says is abstracted to a `value`.                  *)

NoChange == [transition |-> "none", steps |-> <<>>]
NoOp(term) == [term |-> term, kind |-> "normal", change |-> NoChange, value |-> "0"]
Id(term, index) == [term |-> term, index |-> index]
EmptyLog(conf) == [base |-> Id(0, 0), conf |-> conf, entries |-> <<>>]

LastIndex(log) == log.base.index + Len(log.entries)
EntryAt(log, i) == log.entries[i - log.base.index]
Knows(log, i) == i >= log.base.index /\ i <= LastIndex(log)
TermAt(log, i) == IF i = log.base.index THEN log.base.term ELSE EntryAt(log, i).term
LastId(log) == Id(TermAt(log, LastIndex(log)), LastIndex(log))
Matches(log, id) == Knows(log, id.index) /\ TermAt(log, id.index) = id.term
Slice(log, low, high) == SubSeq(log.entries, low - log.base.index, high - log.base.index)
\* RAFT 3.6.1.
UpToDate(log, id) ==
    \/ id.term > LastId(log).term
    \/ id.term = LastId(log).term /\ id.index >= LastId(log).index

-----------------------------------------------------------------------------
(* Configurations. RAFT 4.1, 4.3; they count from when they are applied.   *)

EmptyConf == [voters |-> {}, outgoing |-> {}, learners |-> {}, next |-> {}, auto |-> FALSE]
Members(c) == c.voters \cup c.outgoing \cup c.learners
Voters(c) == c.voters \cup c.outgoing
Joint(c) == c.outgoing # {}
Majority(S, V) == V = {} \/ 2 * Cardinality(S \cap V) > Cardinality(V)
Quorum(c, S) == Majority(S, c.voters) /\ Majority(S, c.outgoing)

Draft(c) == [voters |-> c.voters, outgoing |-> c.outgoing, learners |-> c.learners, next |-> c.next,
             fresh |-> {}]
Changed(d, step) ==
    LET isNew == step.id \notin d.voters \cup d.outgoing \cup d.learners
        fresh == IF isNew THEN d.fresh \cup {step.id} ELSE d.fresh
        gone == {step.id}
    IN CASE step.op = "add-voter" ->
                [d EXCEPT !.voters = @ \cup gone, !.learners = @ \ gone, !.next = @ \ gone, !.fresh = fresh]
         [] step.op = "add-learner" /\ step.id \in d.learners -> d
         [] step.op = "add-learner" /\ step.id \notin d.learners ->
                \* An old voter that is demoted votes in the old half until the joint configuration is left.
                IF step.id \in d.outgoing
                THEN [d EXCEPT !.voters = @ \ gone, !.next = @ \cup gone, !.fresh = fresh]
                ELSE [d EXCEPT !.voters = @ \ gone, !.next = @ \ gone, !.learners = @ \cup gone, !.fresh = fresh]
         [] step.op = "remove" ->
                [d EXCEPT !.voters = @ \ gone, !.learners = @ \ gone, !.next = @ \ gone]
         [] OTHER -> d

RECURSIVE ChangedBy(_, _)
ChangedBy(d, steps) == IF steps = <<>> THEN d ELSE ChangedBy(Changed(d, Head(steps)), Tail(steps))

Unchanged(c) == [conf |-> c, fresh |-> {}]
Settled(d, auto) == [conf |-> [voters |-> d.voters, outgoing |-> d.outgoing, learners |-> d.learners,
                               next |-> d.next, auto |-> auto],
                     fresh |-> d.fresh]
EnterJoint(c, change) ==
    LET d == ChangedBy([Draft(c) EXCEPT !.outgoing = c.voters], change.steps)
    IN IF Joint(c) \/ c.voters = {} \/ d.voters = {} THEN Unchanged(c)
       ELSE Settled(d, change.transition # "explicit")
LeaveJoint(c) ==
    IF ~Joint(c) THEN Unchanged(c)
    ELSE Settled([Draft(c) EXCEPT !.outgoing = {}, !.learners = @ \cup c.next, !.next = {}], FALSE)
Simple(c, change) ==
    LET d == ChangedBy(Draft(c), change.steps)
        moved == Cardinality(c.voters \ d.voters) + Cardinality(d.voters \ c.voters)
    IN IF Joint(c) \/ d.voters = {} \/ moved > 1 THEN Unchanged(c) ELSE Settled(d, c.auto)

(* One that is impossible changes nothing, and is impossible everywhere.   *)
ConfAfter(c, change) ==
    CASE change.transition = "none" -> Unchanged(c)
      [] change.transition = "auto" /\ change.steps = <<>> -> LeaveJoint(c)
      [] change.transition # "auto" /\ change.transition # "none" -> EnterJoint(c, change)
      [] OTHER -> IF Len(change.steps) > 1 THEN EnterJoint(c, change) ELSE Simple(c, change)

RECURSIVE ConfThrough(_, _)
ConfThrough(c, entries) ==
    IF entries = <<>> THEN c ELSE ConfThrough(ConfAfter(c, Head(entries).change).conf, Tail(entries))
ConfAt(log, i) == ConfThrough(log.conf, Slice(log, log.base.index + 1, i))

QuorumsIntersect(c, d) ==
    LET quorums(e) == {S \in SUBSET Voters(e) : Quorum(e, S)}
    IN \A P \in quorums(c) : \A Q \in quorums(d) : P \cap Q # {}

-----------------------------------------------------------------------------
(* The state of a member. FIG 2 State.                                     *)

NoMatch == [m \in Node |-> 0]
NoReads == [confirmed |-> 0, pending |-> <<>>, acked |-> NoMatch, answered |-> {}]
Started(n, image) ==
    [id |-> n, role |-> "follower", leader |-> NoNode, term |-> image.term, vote |-> image.vote,
     log |-> image.log, commit |-> Max(image.commit, image.log.base.index), applied |-> image.log.base.index,
     conf |-> image.log.conf, granted |-> {}, refused |-> {}, match |-> NoMatch, transferee |-> NoNode,
     pending |-> 0, reads |-> NoReads]
Image(s) == [term |-> s.term, vote |-> s.vote, log |-> s.log, commit |-> s.commit]
FirstImage(n) ==
    [term |-> 0, vote |-> NoNode, commit |-> 0,
     log |-> EmptyLog(IF n \in Members(InitialConf) THEN InitialConf ELSE EmptyConf)]

Restoring(s) == s.log.base.index > s.applied
Promotable(s) == s.id \in Voters(s.conf) /\ ~Restoring(s)
ChangeWaits(s) == \E i \in (s.applied + 1) .. s.commit : EntryAt(s.log, i).kind # "normal"
CommittedInTerm(s) == TermAt(s.log, s.commit) = s.term
NewestRead(s) == s.reads.confirmed + Len(s.reads.pending)

Follow(s, term, leader) ==
    [s EXCEPT !.role = "follower", !.leader = leader, !.vote = IF term = s.term THEN @ ELSE NoNode,
              !.term = term, !.granted = {}, !.refused = {}, !.match = NoMatch, !.transferee = NoNode,
              !.pending = 0, !.reads = NoReads]

Outcome(s, now, after) == [state |-> s, now |-> now, after |-> after]
Ask(s, type, term, to, transfer) ==
    [type |-> type, from |-> s.id, to |-> to, term |-> term, last |-> LastId(s.log), transfer |-> transfer]
Answer(s, type, to, term, granted) ==
    [type |-> type, from |-> s.id, to |-> to, term |-> term, granted |-> granted]
Ack(s, to, index) ==
    [type |-> "append-response", from |-> s.id, to |-> to, term |-> s.term, rejected |-> FALSE, index |-> index]
Nack(s, to, index) ==
    [type |-> "append-response", from |-> s.id, to |-> to, term |-> s.term, rejected |-> TRUE, index |-> index]

-----------------------------------------------------------------------------
(* Elections. RAFT 3.4; trials 9.6; at a leader's request 3.10.            *)

PreCampaign(s) ==
    LET c == [s EXCEPT !.role = "pre-candidate", !.leader = NoNode, !.granted = {}, !.refused = {}]
    IN Outcome(c, {Ask(c, "pre-vote", c.term + 1, m, FALSE) : m \in Voters(c.conf) \ {c.id}},
               {Answer(c, "pre-vote-response", c.id, c.term + 1, TRUE)})

(* The request names a log and a term. A candidate that forgot them in a   *)
(* crash may stand again in the same term, and would count votes that were *)
(* given to the longer log: so requests, too, wait for the disk. RAFT 3.8. *)
Campaign(s, transfer) ==
    LET c == [Follow(s, s.term + 1, NoNode) EXCEPT !.role = "candidate", !.vote = s.id]
        requests == {Ask(c, "request-vote", c.term, m, transfer) : m \in Voters(c.conf) \ {c.id}}
        own == Answer(c, "vote-response", c.id, c.term, TRUE)
    IN Outcome(c, IF EarlyRequestVote THEN requests ELSE {},
               IF EarlyRequestVote THEN {own} ELSE requests \cup {own})

MayCampaign(s) == s.role # "leader" /\ Promotable(s) /\ ~ChangeWaits(s)

Appended(s, entries) == [s EXCEPT !.log.entries = @ \o entries]
Lead(s) ==
    LET own == [m \in Node |-> IF m = s.id THEN LastIndex(s.log) ELSE 0]
        \* RAFT 4.1: a change may wait in the log; none is taken up before all that is there is applied.
        l == [Follow(s, s.term, s.id) EXCEPT !.role = "leader", !.match = own, !.pending = LastIndex(s.log)]
        \* RAFT 6.4: the no-op.
        a == Appended(l, <<NoOp(s.term)>>)
    IN Outcome(a, {}, {Ack(a, a.id, LastIndex(a.log))})

OnVoteRequest(s, m) ==
    LET trial == m.type = "pre-vote"
        free == s.vote = m.from \/ (s.vote = NoNode /\ s.leader = NoNode) \/ (trial /\ m.term > s.term)
        grant == free /\ UpToDate(s.log, m.last)
        type == IF trial THEN "pre-vote-response" ELSE "vote-response"
    IN {Outcome(IF grant /\ ~trial THEN [s EXCEPT !.vote = m.from] ELSE s, {},
                {Answer(s, type, m.from, IF grant THEN m.term ELSE s.term, grant)})}

OnVoteResponse(s, m) ==
    LET expected == IF s.role = "pre-candidate" THEN "pre-vote-response" ELSE "vote-response"
        counted == m.from \in s.granted \cup s.refused
        c == IF counted THEN s
             ELSE IF m.granted THEN [s EXCEPT !.granted = @ \cup {m.from}]
             ELSE [s EXCEPT !.refused = @ \cup {m.from}]
    IN IF s.role \notin {"candidate", "pre-candidate"} \/ m.type # expected THEN {Outcome(s, {}, {})}
       ELSE IF ~Quorum(c.conf, Voters(c.conf) \ c.refused) THEN {Outcome(Follow(c, c.term, NoNode), {}, {})}
       ELSE IF ~Quorum(c.conf, c.granted) THEN {Outcome(c, {}, {})}
       ELSE IF c.role = "pre-candidate" THEN {Campaign(c, FALSE)}
       ELSE {Lead(c)}

-----------------------------------------------------------------------------
(* Replication, the receiving side. FIG 2 AppendEntries; RAFT 3.5, 5.3.    *)

(* Entries stand at their places; only a conflict cuts the log.            *)
Merged(log, m) ==
    LET there(k) == Matches(log, Id(m.entries[k].term, m.previous.index + k))
        new == {k \in 1 .. Len(m.entries) : ~there(k)}
        first == CHOOSE k \in new : \A j \in new : k <= j
        keep == m.previous.index + first - 1 - log.base.index
    IN IF new = {} THEN log
       ELSE [log EXCEPT !.entries = SubSeq(@, 1, keep) \o SubSeq(m.entries, first, Len(m.entries))]

OnAppend(s, m) ==
    LET last == m.previous.index + Len(m.entries)
        merged == Merged(s.log, m)
    IN IF m.previous.index < s.commit THEN {Outcome(s, {}, {Ack(s, m.from, s.commit)})}
       ELSE IF ~Matches(s.log, m.previous) THEN {Outcome(s, {}, {Nack(s, m.from, m.previous.index)})}
       ELSE {Outcome([s EXCEPT !.log = merged, !.commit = Max(@, Min(m.commit, last))], {}, {Ack(s, m.from, last)})}

OnHeartbeat(s, m) ==
    LET echo == [type |-> "heartbeat-response", from |-> s.id, to |-> m.from, term |-> s.term,
                 context |-> m.context]
    IN IF m.commit > LastIndex(s.log) THEN {}  \* Its disk lost what it acknowledged.
       ELSE {Outcome([s EXCEPT !.commit = Max(@, m.commit)], {echo}, {})}

OnSnapshot(s, m) ==
    LET r == [s EXCEPT !.log = [base |-> Id(m.snapshot.term, m.snapshot.index), conf |-> m.snapshot.conf,
                                entries |-> <<>>],
                       !.commit = m.snapshot.index, !.conf = m.snapshot.conf]
        index == m.snapshot.index
    IN IF index <= s.commit \/ s.id \notin Members(m.snapshot.conf) THEN {Outcome(s, {}, {Ack(s, m.from, s.commit)})}
       ELSE IF Matches(s.log, Id(m.snapshot.term, index))
            THEN {Outcome([s EXCEPT !.commit = index], {}, {Ack(s, m.from, index)})}
       ELSE {Outcome(r, {}, {Ack(r, m.from, index)})}

-----------------------------------------------------------------------------
(* Replication, the leader's side.                                         *)

(* RAFT 3.6.2: only entries of the current term are committed by counting. *)
Counted(s) ==
    LET stored(i) == {m \in Node : s.match[m] >= i}
        index == MaxOf({0} \cup {i \in {s.match[m] : m \in Node} : Quorum(s.conf, stored(i))})
    IN IF index > s.commit /\ TermAt(s.log, index) = s.term THEN [s EXCEPT !.commit = index] ELSE s

OnAppendResponse(s, m) ==
    IF m.rejected THEN {Outcome(s, {}, {})}  \* Where the next append begins is left open.
    ELSE IF m.index > LastIndex(s.log) THEN {}
    ELSE {Outcome(Counted([s EXCEPT !.match[m.from] = Max(@, m.index)]), {}, {})}

OnHeartbeatResponse(s, m) ==
    LET acked == [s.reads.acked EXCEPT ![m.from] = Max(@, Min(m.context, NewestRead(s)))]
        through(k) == Quorum(s.conf, {q \in Node : acked[q] >= k})
        confirmed == MaxOf({s.reads.confirmed} \cup {k \in 1 .. NewestRead(s) : through(k)})
        done == confirmed - s.reads.confirmed
        pending == s.reads.pending
    IN {Outcome([s EXCEPT !.reads = [confirmed |-> confirmed, acked |-> acked,
                                     pending |-> SubSeq(pending, done + 1, Len(pending)),
                                     answered |-> @.answered \cup {pending[k] : k \in 1 .. done}]], {}, {})}

-----------------------------------------------------------------------------
(* Receiving. FIG 2 Rules for Servers, All Servers: terms first.           *)

Leading == {"append-entries", "heartbeat", "install-snapshot"}
Responses == {"append-response", "heartbeat-response", "vote-response", "pre-vote-response", "read-index-response"}
Termless == {"forward-proposal", "read-index"}

(* In the present term (or for a trial, before it).                        *)
Handled(s, m) ==
    LET f == IF s.role = "follower" THEN [s EXCEPT !.leader = m.from] ELSE Follow(s, s.term, m.from)
    IN CASE m.type \in {"request-vote", "pre-vote"} -> OnVoteRequest(s, m)
         [] m.type \in {"vote-response", "pre-vote-response"} -> OnVoteResponse(s, m)
         [] m.type \in Leading /\ s.role = "leader" -> {}  \* FIG 3 Election Safety: cannot be.
         [] m.type = "append-entries" /\ s.role # "leader" -> OnAppend(f, m)
         [] m.type = "heartbeat" /\ s.role # "leader" -> OnHeartbeat(f, m)
         [] m.type = "install-snapshot" /\ s.role # "leader" -> OnSnapshot(f, m)
         [] m.type = "append-response" /\ s.role = "leader" -> OnAppendResponse(s, m)
         [] m.type = "heartbeat-response" /\ s.role = "leader" -> OnHeartbeatResponse(s, m)
         [] m.type = "timeout-now" /\ s.role = "follower" /\ MayCampaign(s) -> {Campaign(s, TRUE)}
         [] OTHER -> {Outcome(s, {}, {})}

Stale(s, m) ==
    CASE m.type \in {"append-entries", "heartbeat"} ->
             {Outcome(s, {}, {}), Outcome(s, {}, {Ack(s, m.from, 0)})}
      \* FIG 2 RequestVote 1.
      [] m.type = "pre-vote" -> {Outcome(s, {}, {Answer(s, "pre-vote-response", m.from, s.term, FALSE)})}
      [] m.type = "request-vote" -> {Outcome(s, {}, {Answer(s, "vote-response", m.from, s.term, FALSE)})}
      [] OTHER -> {Outcome(s, {}, {})}

(* RAFT 4.2.3: whoever hears a leader may ignore requests for votes.       *)
MayIgnore(s, m) == m.type \in {"request-vote", "pre-vote"} /\ ~m.transfer /\ s.leader # NoNode

Later(s, m) ==
    CASE m.type = "pre-vote" \/ (m.type = "pre-vote-response" /\ m.granted) -> Handled(s, m)
      [] m.type \in Leading -> Handled(Follow(s, m.term, m.from), m)
      [] OTHER -> Handled(Follow(s, m.term, NoNode), m)

Outcomes(s, m) ==
    IF m.type \in Responses /\ m.from \notin Members(s.conf) THEN {Outcome(s, {}, {})}
    ELSE IF m.type \in Termless \/ m.term = s.term THEN Handled(s, m)
    ELSE IF m.term < s.term THEN Stale(s, m)
    ELSE Later(s, m) \cup (IF MayIgnore(s, m) THEN {Outcome(s, {}, {})} ELSE {})

-----------------------------------------------------------------------------
(* Actions.                                                                *)

(* What is seen committed for the first time enters the history.           *)
Record(s) ==
    LET known == Len(chosen)
        news == IF s.commit <= known THEN <<>>
                ELSE [k \in 1 .. (s.commit - known) |->
                         [entry |-> EntryAt(s.log, known + k), at |-> s.term, conf |-> s.conf]]
        first == confs[Len(confs)]
        changes == SelectSeq(news, LAMBDA c : ConfAfter(first, c.entry.change).conf # first)
    IN /\ chosen' = chosen \o news
       /\ confs' = IF changes = <<>> THEN confs ELSE Append(confs, ConfAfter(first, changes[1].entry.change).conf)
       /\ Len(changes) <= 1  \* RAFT 4.1: one change at a time.
       /\ leaders' = IF s.role = "leader" THEN leaders \cup {<<s.term, s.id>>} ELSE leaders

Becomes(n, o) ==
    /\ node' = [node EXCEPT ![n] = o.state]
    /\ held' = [held EXCEPT ![n] = @ \cup o.after]
    /\ network' = network \cup o.now
    /\ Record(o.state)
    /\ UNCHANGED <<writes, durable>>
Turns(n, s) == Becomes(n, Outcome(s, {}, {}))

Receive(n, m) ==
    /\ m \in network
    /\ m.to = n
    /\ \E o \in Outcomes(node[n], m) : Becomes(n, o)

TimeoutTrial(n) == MayCampaign(node[n]) /\ Becomes(n, PreCampaign(node[n]))
Timeout(n) == MayCampaign(node[n]) /\ Becomes(n, Campaign(node[n], FALSE))

(* RAFT 6.2: a leader without a quorum steps down.                         *)
QuitLeading(n) == node[n].role = "leader" /\ Turns(n, Follow(node[n], node[n].term, NoNode))
ForgetLeader(n) ==
    /\ node[n].role = "follower" /\ node[n].leader # NoNode
    /\ Turns(n, [node[n] EXCEPT !.leader = NoNode])

(* RAFT 4.1, 4.3: one change at a time, and a joint one must be left.      *)
MayTakeUp(s, change) == s.pending <= s.applied /\ Joint(s.conf) = (change.steps = <<>>)
Propose(n, entry) ==
    LET s == node[n]
        a == Appended(s, <<entry>>)
        isChange == entry.kind # "normal"
        p == IF isChange THEN [a EXCEPT !.pending = LastIndex(a.log)] ELSE a
    IN /\ s.role = "leader" /\ entry.term = s.term
       /\ n \in Members(s.conf)
       /\ s.transferee = NoNode
       /\ isChange => MayTakeUp(s, entry.change)
       /\ Becomes(n, Outcome(p, {}, {Ack(p, n, LastIndex(p.log))}))

(* What a leader (or whoever hands something on) may send at any time.     *)
MaySend(s, m) ==
    CASE m.type = "append-entries" ->
             /\ s.role = "leader" /\ m.term = s.term /\ m.from = s.id /\ m.to \in Members(s.conf) \ {s.id}
             /\ Matches(s.log, m.previous)
             /\ m.previous.index + Len(m.entries) <= LastIndex(s.log)
             /\ m.entries = Slice(s.log, m.previous.index + 1, m.previous.index + Len(m.entries))
             /\ m.commit = s.commit
      [] m.type = "heartbeat" ->
             /\ s.role = "leader" /\ m.term = s.term /\ m.from = s.id /\ m.to \in Members(s.conf) \ {s.id}
             /\ m.commit <= Min(s.match[m.to], s.commit)
             /\ m.context <= NewestRead(s)
      [] m.type = "install-snapshot" ->
             /\ s.role = "leader" /\ m.term = s.term /\ m.from = s.id /\ m.to \in Members(s.conf) \ {s.id}
             /\ m.snapshot.index <= s.applied
             /\ Matches(s.log, Id(m.snapshot.term, m.snapshot.index))
             /\ m.snapshot.conf = ConfAt(s.log, m.snapshot.index)
      [] m.type = "timeout-now" ->
             \* RAFT 3.10: the target has the whole log.
             /\ s.role = "leader" /\ m.term = s.term /\ m.from = s.id
             /\ m.to = s.transferee /\ s.match[m.to] = LastIndex(s.log)
      [] m.type = "read-index-response" ->
             /\ s.role = "leader" /\ m.term = s.term /\ m.from = s.id
             /\ \/ \E r \in s.reads.answered : r.index = m.index
                \/ Quorum(s.conf, {s.id}) /\ CommittedInTerm(s) /\ m.index = s.commit
      [] m.type \in {"forward-proposal", "read-index", "transfer-leadership"} -> s.leader # NoNode /\ m.to = s.leader
      [] OTHER -> FALSE

Send(n, m) ==
    /\ MaySend(node[n], m)
    /\ network' = network \cup {m}
    /\ UNCHANGED <<memory, history>>

(* RAFT 6.4: the commit index at the arrival of the read.                  *)
StartRead(n) ==
    LET s == node[n]
        read == [index |-> s.commit, floor |-> Len(chosen)]
        position == NewestRead(s) + 1
    IN /\ s.role = "leader" /\ CommittedInTerm(s)
       /\ Turns(n, [s EXCEPT !.reads.pending = Append(@, read), !.reads.acked[n] = position])

StartTransfer(n, target) ==
    /\ node[n].role = "leader"
    /\ target \in Members(node[n].conf) \ (node[n].conf.learners \cup {n})
    /\ Turns(n, [node[n] EXCEPT !.transferee = target])
AbortTransfer(n) == node[n].role = "leader" /\ Turns(n, [node[n] EXCEPT !.transferee = NoNode])

(* Entries are applied in order, once they are committed and durable here. *)
MayApply(n) ==
    LET s == node[n]
        i == s.applied + 1
    IN ~Restoring(s) /\ i <= s.commit /\ Matches(durable[n].log, Id(TermAt(s.log, i), i))
ApplyConf(n) ==
    LET s == node[n]
        outcome == ConfAfter(s.conf, EntryAt(s.log, s.applied + 1).change)
        kept == (Members(s.conf) \cap Members(outcome.conf)) \ outcome.fresh
        c == [s EXCEPT !.conf = outcome.conf,
                       !.match = [m \in Node |-> IF m \in kept THEN s.match[m] ELSE 0],
                       !.transferee = IF @ \in Voters(outcome.conf) THEN @ ELSE NoNode]
        isVoter == n \in Members(c.conf) \ c.conf.learners
    IN /\ MayApply(n) /\ EntryAt(s.log, s.applied + 1).kind # "normal"
       \* RAFT 4.2.2: a leader that is removed steps down when the change is committed.
       /\ Turns(n, IF s.role # "leader" \/ outcome.conf = s.conf THEN c
                   ELSE IF isVoter THEN Counted(c) ELSE Follow(c, c.term, NoNode))
Applied(n) ==
    LET s == node[n]
    IN /\ MayApply(n)
       /\ s.conf = ConfAt(s.log, s.applied + 1)
       /\ Turns(n, [s EXCEPT !.applied = @ + 1])

(* RAFT 5.1: a durable snapshot of what is applied stands for the prefix.  *)
Cut(log, i) ==
    IF log.base.index >= i THEN log
    ELSE [base |-> Id(TermAt(log, i), i), conf |-> ConfAt(log, i), entries |-> Slice(log, i + 1, LastIndex(log))]
CutImage(image, i) == [image EXCEPT !.log = Cut(@, i), !.commit = Max(@, i)]
Compact(n, i) ==
    /\ ~Restoring(node[n])
    /\ node[n].log.base.index < i /\ i <= node[n].applied
    /\ node' = [node EXCEPT ![n].log = Cut(@, i)]
    /\ durable' = [durable EXCEPT ![n] = CutImage(@, i)]
    /\ writes' = [writes EXCEPT ![n] = [k \in DOMAIN @ |-> [@[k] EXCEPT !.image = CutImage(@, i)]]]
    /\ UNCHANGED <<held, network, history>>

(* The state as it stands now goes to the disk ...                         *)
Ready(n) ==
    /\ writes' = [writes EXCEPT ![n] = Append(@, [image |-> Image(node[n]), releases |-> held[n]])]
    /\ held' = [held EXCEPT ![n] = {}]
    /\ UNCHANGED <<node, durable, network, history>>
(* ... and is there. Only now what reports it leaves. RAFT 3.8.            *)
Persisted(n) ==
    /\ writes[n] # <<>>
    /\ LET write == Head(writes[n])
       IN /\ durable' = [durable EXCEPT ![n] = write.image]
          /\ network' = network \cup write.releases
          /\ node' = [node EXCEPT ![n].applied = Max(@, write.image.log.base.index)]
    /\ writes' = [writes EXCEPT ![n] = Tail(@)]
    /\ UNCHANGED <<held, history>>
Crash(n) ==
    /\ node' = [node EXCEPT ![n] = Started(n, durable[n])]
    /\ held' = [held EXCEPT ![n] = {}]
    /\ writes' = [writes EXCEPT ![n] = <<>>]
    /\ UNCHANGED <<durable, network, history>>

Init ==
    /\ durable = [n \in Node |-> FirstImage(n)]
    /\ node = [n \in Node |-> Started(n, durable[n])]
    /\ held = [n \in Node |-> {}]
    /\ writes = [n \in Node |-> <<>>]
    /\ network = {}
    /\ chosen = <<>>
    /\ confs = <<InitialConf>>
    /\ leaders = {}

-----------------------------------------------------------------------------
(* FIG 3, by its names.                                                    *)

ElectionSafety == \A a, b \in leaders : a[1] = b[1] => a[2] = b[2]

LeaderAppendOnly ==
    [][\A n \in Node :
          LET old == node[n]
              new == node'[n]
          IN old.role = "leader" /\ new.role = "leader" /\ old.term = new.term
             => /\ LastIndex(new.log) >= LastIndex(old.log)
                /\ Slice(new.log, new.log.base.index + 1, LastIndex(old.log))
                       = Slice(old.log, new.log.base.index + 1, LastIndex(old.log))]_node

LogMatching ==
    \A a, b \in Node :
        LET p == node[a].log
            q == node[b].log
            low == Max(p.base.index, q.base.index)
            high == Min(LastIndex(p), LastIndex(q))
        IN a # b => \A i \in low .. high :
               (i > low /\ TermAt(p, i) = TermAt(q, i)) => Slice(p, low + 1, i) = Slice(q, low + 1, i)

LeaderCompleteness ==
    \A n \in Node :
        node[n].role = "leader" =>
            \A i \in 1 .. Len(chosen) :
                (chosen[i].at <= node[n].term /\ i > node[n].log.base.index)
                    => i <= LastIndex(node[n].log) /\ EntryAt(node[n].log, i) = chosen[i].entry

StateMachineSafety ==
    \A n \in Node :
        LET log == node[n].log
        IN /\ node[n].commit <= Len(chosen)
           /\ \A i \in (log.base.index + 1) .. node[n].commit : EntryAt(log, i) = chosen[i].entry
           /\ log.base.index > 0 => log.base.term = chosen[log.base.index].entry.term

(* An entry is committed by what a quorum's disks hold, and stays there.   *)
CommittedIsDurable ==
    \A i \in 1 .. Len(chosen) :
        Quorum(chosen[i].conf,
               {n \in Node : i <= durable[n].log.base.index \/ Matches(durable[n].log, Id(chosen[i].entry.term, i))})

(* No two configurations in a row could decide without a common member.    *)
ConfigChainQuorumsIntersect ==
    [][confs' # confs => QuorumsIntersect(confs'[Len(confs') - 1], confs'[Len(confs')])]_confs

(* RAFT 6.4: a read sees everything that was committed when it arrived.    *)
ReadsAreLinearizable == \A n \in Node : \A r \in node[n].reads.answered : r.index >= r.floor

(* The configuration in force is that of the log.                          *)
OrderOfMarks ==
    \A n \in Node :
        LET s == node[n]
        IN /\ s.commit <= LastIndex(s.log)
           /\ s.applied <= s.commit
           /\ LastIndex(s.log) >= s.log.base.index
=============================================================================
