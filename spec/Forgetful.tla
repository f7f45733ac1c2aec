----------------------------- MODULE Forgetful ------------------------------
(***************************************************************************)
(* One behaviour, step by step: candidate 3 asks for votes with a log that *)
(* is not on its disk, crashes, stands again in the same term with what is *)
(* left, and is elected by the vote that its longer log was given. With    *)
(* EarlyRequestVote it breaks LeaderCompleteness; without, it cannot       *)
(* happen: at step 18 there is nothing to receive.                         *)
(***************************************************************************)
EXTENDS Raft

VARIABLE step

Three == [EmptyConf EXCEPT !.voters = {1, 2, 3}]

Disk(n) ==
    /\ durable' = [durable EXCEPT ![n] = Image(node[n])]
    /\ network' = network \cup held[n]
    /\ held' = [held EXCEPT ![n] = {}]
    /\ UNCHANGED <<node, writes, history>>
Gets(n, type, from, term) ==
    \E m \in network : m.type = type /\ m.from = from /\ m.term = term /\ Receive(n, m)
Append1(to) ==
    Send(1, [type |-> "append-entries", from |-> 1, to |-> to, term |-> 1, previous |-> Id(0, 0),
             entries |-> node[1].log.entries, commit |-> node[1].commit])

Next ==
    /\ step' = step + 1
    /\ CASE step = 1 -> Timeout(1)
         [] step = 2 -> Disk(1)
         [] step = 3 -> Gets(1, "vote-response", 1, 1)
         [] step = 4 -> Gets(2, "request-vote", 1, 1)
         [] step = 5 -> Disk(2)
         [] step = 6 -> Gets(3, "request-vote", 1, 1)
         [] step = 7 -> Disk(3)
         [] step = 8 -> Gets(1, "vote-response", 2, 1)  \* Member 1 leads in term 1.
         [] step = 9 -> Disk(1)
         [] step = 10 -> Gets(1, "append-response", 1, 1)
         [] step = 11 -> Append1(2)
         [] step = 12 -> Append1(3)
         [] step = 13 -> Gets(2, "append-entries", 1, 1)
         [] step = 14 -> Disk(2)
         [] step = 15 -> Gets(1, "append-response", 2, 1)  \* Its entry is committed.
         [] step = 16 -> Gets(3, "append-entries", 1, 1)  \* Member 3 does not write it.
         [] step = 17 -> Timeout(3)
         [] step = 18 -> Gets(2, "request-vote", 3, 2)
         [] step = 19 -> Disk(2)
         [] step = 20 -> Crash(3)
         [] step = 21 -> Timeout(3)
         [] step = 22 -> Disk(3)
         [] step = 23 -> Gets(3, "vote-response", 3, 2)
         [] step = 24 -> Gets(3, "vote-response", 2, 2)  \* Elected without the entry.
         [] OTHER -> FALSE

Spec == Init /\ step = 1 /\ [][Next]_<<vars, step>>
(* Without the mistake it goes no further.                                 *)
StopsThere == step <= 18
=============================================================================
