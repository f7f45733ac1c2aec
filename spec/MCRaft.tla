------------------------------- MODULE MCRaft -------------------------------
(***************************************************************************)
(* Small models that TLC exhausts: members elect leaders, whose no-ops are *)
(* replicated and committed; disks are late, members crash. Limits keep    *)
(* terms, images under way and crashes few. Messages are sent when they    *)
(* would be new; a leader sends all that follows the last known match.     *)
(***************************************************************************)
EXTENDS Raft, TLC

CONSTANTS
    Stands,      \* who stands for election in which term, as pairs
    Crashing,    \* members that may crash
    CrashMax,
    SlowDisk,    \* whether anything can happen between taking a batch and its end
    WithTrial,   \* whether elections begin with a trial
    WithChange   \* whether the leader shrinks the group by one member

VARIABLE crashes

InOrder == {<<1, 1>>, <<2, 2>>}
Rivals == {<<1, 1>>, <<2, 1>>}
Single == {<<1, 1>>}
FirstConf == [EmptyConf EXCEPT !.voters = Node]

Appends(s) ==
    {[type |-> "append-entries", from |-> s.id, to |-> m, term |-> s.term,
      previous |-> Id(TermAt(s.log, s.match[m]), s.match[m]),
      entries |-> Slice(s.log, s.match[m] + 1, LastIndex(s.log)), commit |-> s.commit]
        : m \in Members(s.conf) \ {s.id}}

Removal(s, m) ==
    [term |-> s.term, kind |-> "change", value |-> "0",
     change |-> [transition |-> "auto", steps |-> <<[op |-> "remove", id |-> m]>>]]

(* A message is received when it is not of an earlier term and when it     *)
(* changes something: a second answer like the first adds nothing.         *)
Useful(n, m) ==
    /\ m.to = n /\ m.term >= node[n].term
    /\ \E o \in Outcomes(node[n], m) : o.state # node[n] \/ ~((o.now \cup o.after) \subseteq (network \cup held[n]))

(* A batch is taken when it holds more than a commit index.                *)
HasReady(n) == held[n] # {} \/ [Image(node[n]) EXCEPT !.commit = 0] # [durable[n] EXCEPT !.commit = 0]
MayStand(n) == <<n, node[n].term + 1>> \in Stands

(* Ready and Persisted in one.                                             *)
Flush(n) ==
    /\ durable' = [durable EXCEPT ![n] = Image(node[n])]
    /\ network' = network \cup held[n]
    /\ held' = [held EXCEPT ![n] = {}]
    /\ UNCHANGED <<node, writes, history>>

Step(n) ==
    \/ \E m \in network : Useful(n, m) /\ Receive(n, m)
    \/ WithTrial /\ MayStand(n) /\ TimeoutTrial(n)
    \/ ~WithTrial /\ MayStand(n) /\ Timeout(n)
    \/ node[n].role = "leader" /\ \E m \in Appends(node[n]) \ network : Send(n, m)
    \/ ~SlowDisk /\ HasReady(n) /\ Flush(n)
    \/ SlowDisk /\ HasReady(n) /\ writes[n] = <<>> /\ Ready(n)
    \/ Persisted(n)
    \/ WithChange /\ (ApplyConf(n) \/ Applied(n))
    \/ /\ WithChange /\ node[n].role = "leader" /\ Len(node[n].log.entries) < 2
       /\ \E m \in Node \ {n} : Propose(n, Removal(node[n], m))

MCInit == Init /\ crashes = 0
MCNext ==
    \/ UNCHANGED crashes /\ \E n \in Node : Step(n)
    \/ crashes < CrashMax /\ crashes' = crashes + 1 /\ \E n \in Crashing : Crash(n)
MCSpec == MCInit /\ [][MCNext]_<<vars, crashes>>
=============================================================================
