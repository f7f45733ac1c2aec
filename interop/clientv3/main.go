// Command clientv3 drives a running cluster through etcd's own Go client, one part of its API after the other:
//
//	clientv3 ENDPOINTS PART
//
// It prints "ok PART", or what differs from what it expected, and then fails.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.etcd.io/etcd/client/v3/mirror"
	"go.etcd.io/etcd/client/v3/namespace"
	"go.etcd.io/etcd/client/v3/ordering"
)

var parts = map[string]func(context.Context, *clientv3.Client){
	"kv": kv, "txn": txn, "watch": watch, "lease": lease, "mutex": mutex, "election": election, "stm": stm,
	"maintenance": maintenance, "cluster": cluster, "namespace": namespaced, "mirror": mirrored, "auth": access,
}

func main() {
	names := make([]string, 0, len(parts))
	for name := range parts {
		names = append(names, name)
	}
	sort.Strings(names)
	if len(os.Args) != 3 || parts[os.Args[2]] == nil {
		fmt.Fprintf(os.Stderr, "usage: clientv3 ENDPOINTS %s\n", strings.Join(names, "|"))
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	client := connect(clientv3.Config{})
	defer client.Close()
	parts[os.Args[2]](ctx, client)
	fmt.Println("ok", os.Args[2])
}

func connect(config clientv3.Config) *clientv3.Client {
	config.Endpoints = strings.Split(os.Args[1], ",")
	config.DialTimeout = 20 * time.Second
	client, err := clientv3.New(config)
	must(err)
	return client
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "failed:", err)
		panic(err)
	}
}

func expect(holds bool, what string, details ...any) {
	if !holds {
		fmt.Fprintln(os.Stderr, append([]any{"differs:", what}, details...)...)
		panic(what)
	}
}

func kv(ctx context.Context, c *clientv3.Client) {
	first, err := c.Put(ctx, "kv/a", "1")
	must(err)
	again, err := c.Put(ctx, "kv/a", "2", clientv3.WithPrevKV())
	must(err)
	expect(string(again.PrevKv.Value) == "1", "previous value")
	expect(again.Header.Revision == first.Header.Revision+1, "a put is a revision")
	_, err = c.Put(ctx, "kv/b", "3")
	must(err)
	got, err := c.Get(ctx, "kv/", clientv3.WithPrefix(), clientv3.WithSort(clientv3.SortByValue, clientv3.SortDescend))
	must(err)
	expect(got.Count == 2 && string(got.Kvs[0].Key) == "kv/b", "sorted range")
	old, err := c.Get(ctx, "kv/a", clientv3.WithRev(first.Header.Revision))
	must(err)
	expect(string(old.Kvs[0].Value) == "1" && old.Kvs[0].Version == 1, "a revision of the past")
	_, err = c.Get(ctx, "kv/a", clientv3.WithRev(1<<40))
	expect(errors.Is(err, rpctypes.ErrFutureRev), "a revision to come", err)
	limited, err := c.Get(ctx, "kv/", clientv3.WithPrefix(), clientv3.WithLimit(1), clientv3.WithKeysOnly())
	must(err)
	expect(limited.More && len(limited.Kvs) == 1 && len(limited.Kvs[0].Value) == 0, "limit and keys only")
	_, err = c.Put(ctx, "", "x")
	expect(errors.Is(err, rpctypes.ErrEmptyKey), "no key", err)
	_, err = c.Put(ctx, "kv/none", "", clientv3.WithIgnoreValue())
	expect(errors.Is(err, rpctypes.ErrKeyNotFound), "ignore_value of nothing", err)
	big := strings.Repeat("v", 1536*1024)
	_, err = c.Put(ctx, "kv/big", big)
	expect(errors.Is(err, rpctypes.ErrRequestTooLarge), "too large", err)
	chunks, err := c.GetStream(ctx, "kv/", clientv3.WithPrefix())
	must(err)
	stream, err := clientv3.GetStreamToGetResponse(chunks)
	must(err)
	expect(stream.Count == 2 && len(stream.Kvs) == 2, "a range as a stream")
	deleted, err := c.Delete(ctx, "kv/", clientv3.WithPrefix(), clientv3.WithPrevKV())
	must(err)
	expect(deleted.Deleted == 2 && len(deleted.PrevKvs) == 2, "deleted")
	compact, err := c.Compact(ctx, deleted.Header.Revision, clientv3.WithCompactPhysical())
	must(err)
	expect(compact.Header.Revision >= deleted.Header.Revision, "compaction's header")
	_, err = c.Get(ctx, "kv/a", clientv3.WithRev(first.Header.Revision))
	expect(errors.Is(err, rpctypes.ErrCompacted), "a compacted revision", err)
	fresh := ordering.NewKV(c.KV, func(op clientv3.Op, resp clientv3.OpResponse, prevRev int64) error {
		return errors.New("an answer older than one before")
	})
	for range 5 {
		_, err = fresh.Get(ctx, "kv/a", clientv3.WithSerializable())
		must(err)
	}
}

func txn(ctx context.Context, c *clientv3.Client) {
	_, err := c.Put(ctx, "txn/a", "1")
	must(err)
	nested := clientv3.OpTxn(
		[]clientv3.Cmp{clientv3.Compare(clientv3.Value("txn/a"), "=", "1")},
		[]clientv3.Op{clientv3.OpPut("txn/b", "inner")}, nil)
	done, err := c.Txn(ctx).
		If(clientv3.Compare(clientv3.Version("txn/a"), ">", 0), clientv3.Compare(clientv3.CreateRevision("txn/none"), "=", 0)).
		Then(clientv3.OpPut("txn/a", "2"), clientv3.OpGet("txn/a"), nested).
		Else(clientv3.OpDelete("txn/a")).Commit()
	must(err)
	expect(done.Succeeded && len(done.Responses) == 3, "branch")
	expect(string(done.Responses[1].GetResponseRange().Kvs[0].Value) == "2", "a later op sees an earlier one")
	expect(done.Responses[2].GetResponseTxn().Succeeded, "nested compares see the state before")
	_, err = c.Txn(ctx).Then(clientv3.OpPut("txn/x", "1"), clientv3.OpPut("txn/x", "2")).Commit()
	expect(errors.Is(err, rpctypes.ErrDuplicateKey), "duplicate key", err)
	ops := make([]clientv3.Op, 129)
	for i := range ops {
		ops[i] = clientv3.OpPut(fmt.Sprintf("txn/%d", i), "")
	}
	_, err = c.Txn(ctx).Then(ops...).Commit()
	expect(errors.Is(err, rpctypes.ErrTooManyOps), "129 operations", err)
	_, err = c.Txn(ctx).Then(ops[:128]...).Commit()
	must(err)
}

func watch(ctx context.Context, c *clientv3.Client) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	first, err := c.Put(ctx, "watch/a", "1")
	must(err)
	events := c.Watch(clientv3.WithRequireLeader(ctx), "watch/", clientv3.WithPrefix(), clientv3.WithRev(first.Header.Revision),
		clientv3.WithPrevKV(), clientv3.WithCreatedNotify())
	created := <-events
	expect(created.Created, "created")
	_, err = c.Txn(ctx).Then(clientv3.OpPut("watch/b", "1"), clientv3.OpPut("watch/c", "1")).Commit()
	must(err)
	_, err = c.Delete(ctx, "watch/a")
	must(err)
	var seen []string
	var last int64
	for len(seen) < 4 {
		answer := <-events
		must(answer.Err())
		for _, event := range answer.Events {
			expect(event.Kv.ModRevision >= last, "order of revisions")
			last = event.Kv.ModRevision
			seen = append(seen, event.Type.String()+" "+string(event.Kv.Key))
			if event.Type == clientv3.EventTypeDelete {
				expect(string(event.PrevKv.Value) == "1", "what was deleted")
			}
		}
	}
	expect(strings.Join(seen, ",") == "PUT watch/a,PUT watch/b,PUT watch/c,DELETE watch/a", "events", seen)
	must(c.RequestProgress(clientv3.WithRequireLeader(ctx)))
	progress := <-events
	expect(progress.IsProgressNotify() && progress.Header.Revision >= last, "progress")
	// Other members hear of the compaction later: one that has not would watch from the compacted revision.
	one := connectTo(c.Endpoints()[0])
	defer one.Close()
	_, err = one.Compact(ctx, last)
	must(err)
	compacted := <-one.Watch(ctx, "watch/", clientv3.WithRev(first.Header.Revision))
	expect(compacted.CompactRevision == last && errors.Is(compacted.Err(), rpctypes.ErrCompacted), "compacted", compacted.Err())
	deletes := one.Watch(ctx, "watch/", clientv3.WithPrefix(), clientv3.WithFilterPut())
	_, err = c.Put(ctx, "watch/b", "2")
	must(err)
	_, err = c.Delete(ctx, "watch/b")
	must(err)
	only := <-deletes
	expect(len(only.Events) == 1 && only.Events[0].Type == clientv3.EventTypeDelete, "filter")
}

func lease(ctx context.Context, c *clientv3.Client) {
	granted, err := c.Grant(ctx, 60)
	must(err)
	_, err = c.Put(ctx, "lease/a", "1", clientv3.WithLease(granted.ID))
	must(err)
	left, err := c.TimeToLive(ctx, granted.ID, clientv3.WithAttachedKeys())
	must(err)
	expect(left.GrantedTTL == 60 && left.TTL <= 60 && len(left.Keys) == 1, "time to live")
	kept, err := c.KeepAliveOnce(ctx, granted.ID)
	must(err)
	expect(kept.TTL == 60, "kept alive")
	all, err := c.Leases(ctx)
	must(err)
	found := false
	for _, one := range all.Leases {
		found = found || one.ID == granted.ID
	}
	expect(found, "listed")
	_, err = c.Revoke(ctx, granted.ID)
	must(err)
	gone, err := c.Get(ctx, "lease/a")
	must(err)
	expect(gone.Count == 0, "keys of a revoked lease")
	_, err = c.Revoke(ctx, granted.ID)
	expect(errors.Is(err, rpctypes.ErrLeaseNotFound), "revoked twice", err)
	_, err = c.KeepAliveOnce(ctx, granted.ID)
	expect(errors.Is(err, rpctypes.ErrLeaseNotFound), "kept alive too late", err)
	_, err = c.Put(ctx, "lease/b", "1", clientv3.WithLease(12345))
	expect(errors.Is(err, rpctypes.ErrLeaseNotFound), "a lease that nobody has", err)
	short, err := c.Grant(ctx, 1)
	must(err)
	_, err = c.Put(ctx, "lease/short", "1", clientv3.WithLease(short.ID))
	must(err)
	removed := <-c.Watch(ctx, "lease/short", clientv3.WithFilterPut(), clientv3.WithRev(granted.Revision+1))
	must(removed.Err())
	expect(len(removed.Events) == 1, "expired")
}

func mutex(ctx context.Context, c *clientv3.Client) {
	const workers, rounds = 4, 5
	var holders, sum int
	var guard sync.Mutex
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			session, err := concurrency.NewSession(c, concurrency.WithTTL(10))
			must(err)
			defer session.Close()
			lock := concurrency.NewMutex(session, "mutex/")
			for range rounds {
				must(lock.Lock(ctx))
				guard.Lock()
				holders++
				expect(holders == 1, "two holders")
				sum++
				guard.Unlock()
				guard.Lock()
				holders--
				guard.Unlock()
				must(lock.Unlock(ctx))
			}
		})
	}
	group.Wait()
	expect(sum == workers*rounds, "rounds")
	session, err := concurrency.NewSession(c)
	must(err)
	defer session.Close()
	held := concurrency.NewMutex(session, "mutex/")
	must(held.Lock(ctx))
	other, err := concurrency.NewSession(c)
	must(err)
	defer other.Close()
	expect(errors.Is(concurrency.NewMutex(other, "mutex/").TryLock(ctx), concurrency.ErrLocked), "tried")
	must(held.Unlock(ctx))
}

func election(ctx context.Context, c *clientv3.Client) {
	one, err := concurrency.NewSession(c)
	must(err)
	two, err := concurrency.NewSession(c)
	must(err)
	first, second := concurrency.NewElection(one, "election/"), concurrency.NewElection(two, "election/")
	must(first.Campaign(ctx, "first"))
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	observed := concurrency.NewElection(two, "election/").Observe(watching)
	expect(string((<-observed).Kvs[0].Value) == "first", "observed")
	won := make(chan error, 1)
	go func() { won <- second.Campaign(ctx, "second") }()
	must(first.Proclaim(ctx, "still first"))
	expect(string((<-observed).Kvs[0].Value) == "still first", "proclaimed")
	must(one.Close()) // The lease goes, and with it the office.
	must(<-won)
	leader, err := second.Leader(ctx)
	must(err)
	expect(string(leader.Kvs[0].Value) == "second", "leader")
	must(second.Resign(ctx))
	_, err = second.Leader(ctx)
	expect(errors.Is(err, concurrency.ErrElectionNoLeader), "no leader", err)
	must(two.Close())
}

func stm(ctx context.Context, c *clientv3.Client) {
	const accounts, transfers = 4, 20
	for i := range accounts {
		_, err := c.Put(ctx, fmt.Sprintf("stm/%d", i), "100")
		must(err)
	}
	var group sync.WaitGroup
	for n := range transfers {
		group.Go(func() {
			from, to := fmt.Sprintf("stm/%d", n%accounts), fmt.Sprintf("stm/%d", (n+1)%accounts)
			_, err := concurrency.NewSTM(c, func(s concurrency.STM) error {
				var a, b int
				fmt.Sscanf(s.Get(from), "%d", &a)
				fmt.Sscanf(s.Get(to), "%d", &b)
				s.Put(from, fmt.Sprint(a-1))
				s.Put(to, fmt.Sprint(b+1))
				return nil
			})
			must(err)
		})
	}
	group.Wait()
	all, err := c.Get(ctx, "stm/", clientv3.WithPrefix())
	must(err)
	sum := 0
	for _, pair := range all.Kvs {
		var value int
		fmt.Sscanf(string(pair.Value), "%d", &value)
		sum += value
	}
	expect(sum == accounts*100, "money was made or lost", sum)
}

func maintenance(ctx context.Context, c *clientv3.Client) {
	var hashes []uint32
	put, err := c.Put(ctx, "maintenance", "1")
	must(err)
	for _, endpoint := range c.Endpoints() {
		status, err := c.Status(ctx, endpoint)
		must(err)
		expect(strings.HasPrefix(status.Version, "3.7.") && status.Leader != 0 && status.RaftAppliedIndex > 0, "status", status)
		_, err = c.Defragment(ctx, endpoint)
		must(err)
		_, err = c.Get(ctx, "maintenance")
		must(err)
		for {
			hash, err := c.HashKV(ctx, endpoint, put.Header.Revision)
			if errors.Is(err, rpctypes.ErrFutureRev) {
				continue // A follower that lags.
			}
			must(err)
			hashes = append(hashes, hash.Hash)
			break
		}
	}
	for _, hash := range hashes {
		expect(hash == hashes[0], "hashes", hashes)
	}
	alarms, err := c.AlarmList(ctx)
	must(err)
	expect(len(alarms.Alarms) == 0, "alarms", alarms)
	reader, err := c.SnapshotWithVersion(ctx)
	must(err)
	bytes := make([]byte, 64)
	read, err := reader.Snapshot.Read(bytes)
	must(err)
	expect(read > 0 && reader.Version != "", "snapshot")
	must(reader.Snapshot.Close())
	leaderOf := func() uint64 {
		status, err := c.Status(ctx, c.Endpoints()[0])
		must(err)
		return status.Leader
	}
	leader, target := leaderOf(), uint64(0)
	members, err := c.MemberList(ctx)
	must(err)
	for _, member := range members.Members {
		if member.ID != leader {
			target = member.ID
		}
	}
	for _, member := range members.Members {
		at := connectTo(member.ClientURLs[0])
		_, err := at.MoveLeader(ctx, target)
		at.Close()
		if member.ID == leader {
			must(err)
			break
		}
		expect(errors.Is(err, rpctypes.ErrNotLeader), "moved by a follower", err)
	}
	expect(leaderOf() == target, "moved")
}

func connectTo(endpoint string) *clientv3.Client {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, DialTimeout: 20 * time.Second})
	must(err)
	return client
}

func cluster(ctx context.Context, c *clientv3.Client) {
	must(c.Sync(ctx))
	expect(len(c.Endpoints()) == 3, "endpoints", c.Endpoints())
	added, err := c.MemberAddAsLearner(ctx, []string{"http://127.0.0.1:1"})
	// Members count as healthy once they have been connected for five seconds, which a cluster that starts fast has not been yet.
	for ; errors.Is(err, rpctypes.ErrUnhealthy); added, err = c.MemberAddAsLearner(ctx, []string{"http://127.0.0.1:1"}) {
		time.Sleep(100 * time.Millisecond)
	}
	must(err)
	expect(added.Member.IsLearner && len(added.Members) == 4, "learner")
	_, err = c.MemberAddAsLearner(ctx, []string{"http://127.0.0.1:2"})
	expect(errors.Is(err, rpctypes.ErrTooManyLearners), "a second learner", err)
	_, err = c.MemberPromote(ctx, added.Member.ID)
	expect(errors.Is(err, rpctypes.ErrMemberLearnerNotReady), "promoted too early", err)
	_, err = c.MemberUpdate(ctx, added.Member.ID, []string{"http://127.0.0.1:3"})
	must(err)
	removed, err := c.MemberRemove(ctx, added.Member.ID)
	must(err)
	expect(len(removed.Members) == 3, "removed")
	_, err = c.MemberRemove(ctx, added.Member.ID)
	expect(errors.Is(err, rpctypes.ErrMemberNotFound), "removed twice", err)
}

func namespaced(ctx context.Context, c *clientv3.Client) {
	inner := namespace.NewKV(c.KV, "inner/")
	_, err := inner.Put(ctx, "a", "1")
	must(err)
	outer, err := c.Get(ctx, "inner/a")
	must(err)
	expect(outer.Count == 1, "prefix")
	all, err := inner.Get(ctx, "", clientv3.WithPrefix())
	must(err)
	expect(all.Count == 1 && string(all.Kvs[0].Key) == "a", "without the prefix")
	watching := namespace.NewWatcher(c.Watcher, "inner/").Watch(ctx, "a", clientv3.WithRev(all.Header.Revision))
	_, err = inner.Put(ctx, "a", "2")
	must(err)
	event := (<-watching).Events[0]
	expect(string(event.Kv.Key) == "a", "watched")
}

func mirrored(ctx context.Context, c *clientv3.Client) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for i := range 50 {
		_, err := c.Put(ctx, fmt.Sprintf("mirror/%02d", i), "1")
		must(err)
	}
	syncer := mirror.NewSyncer(c, "mirror/", 0)
	base, failures := syncer.SyncBase(ctx)
	copied := 0
	for answer := range base {
		copied += len(answer.Kvs)
	}
	must(<-failures)
	expect(copied == 50, "base", copied)
	updates := syncer.SyncUpdates(ctx)
	_, err := c.Put(ctx, "mirror/later", "1")
	must(err)
	answer := <-updates
	expect(string(answer.Events[0].Kv.Key) == "mirror/later", "update")
}

func access(ctx context.Context, c *clientv3.Client) {
	_, err := c.AuthEnable(ctx)
	expect(errors.Is(err, rpctypes.ErrRootUserNotExist), "enabled without root", err)
	_, err = c.UserAdd(ctx, "root", "root-password")
	must(err)
	_, err = c.UserAdd(ctx, "root", "root-password")
	expect(errors.Is(err, rpctypes.ErrUserAlreadyExist), "added twice", err)
	_, err = c.UserGrantRole(ctx, "root", "root")
	must(err)
	_, err = c.RoleAdd(ctx, "reader")
	must(err)
	_, err = c.RoleGrantPermission(ctx, "reader", "shared/", clientv3.GetPrefixRangeEnd("shared/"), clientv3.PermissionType(clientv3.PermRead))
	must(err)
	_, err = c.UserAdd(ctx, "ann", "ann-password")
	must(err)
	_, err = c.UserGrantRole(ctx, "ann", "reader")
	must(err)
	_, err = c.Put(ctx, "shared/a", "1")
	must(err)
	_, err = c.AuthEnable(ctx)
	must(err)
	root := connect(clientv3.Config{Username: "root", Password: "root-password"})
	defer root.Close()
	ann := connect(clientv3.Config{Username: "ann", Password: "ann-password"})
	defer ann.Close()
	_, err = ann.Get(ctx, "shared/a")
	must(err)
	_, err = ann.Put(ctx, "shared/a", "2")
	expect(errors.Is(err, rpctypes.ErrPermissionDenied), "a write without the right", err)
	_, err = ann.Get(ctx, "other")
	expect(errors.Is(err, rpctypes.ErrPermissionDenied), "a read beside the right", err)
	_, err = ann.UserAdd(ctx, "eve", "x")
	expect(errors.Is(err, rpctypes.ErrPermissionDenied), "an administrator's call", err)
	watched := <-ann.Watch(ctx, "other")
	expect(watched.Canceled, "a watch beside the right")
	_, err = c.Get(ctx, "shared/a")
	expect(errors.Is(err, rpctypes.ErrUserEmpty), "nobody", err)
	_, err = clientv3.New(clientv3.Config{Endpoints: c.Endpoints(), Username: "ann", Password: "wrong", DialTimeout: 20 * time.Second})
	expect(errors.Is(err, rpctypes.ErrAuthFailed), "a wrong password", err)
	_, err = root.UserChangePassword(ctx, "ann", "new-password")
	must(err)
	_, err = ann.Get(ctx, "shared/a") // The client's token is refused, and it logs in again with what it has.
	expect(err != nil, "the old password still opens")
	_, err = root.AuthDisable(ctx)
	must(err)
	// From here on nobody may, by whichever member it asks.
	_, err = c.Get(ctx, "shared/a")
	must(err)
}
