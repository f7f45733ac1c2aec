import static java.nio.charset.StandardCharsets.UTF_8;

import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.op.Cmp;
import io.etcd.jetcd.op.CmpTarget;
import io.etcd.jetcd.op.Op;
import io.etcd.jetcd.options.DeleteOption;
import io.etcd.jetcd.options.GetOption;
import io.etcd.jetcd.options.LeaseOption;
import io.etcd.jetcd.options.PutOption;
import io.etcd.jetcd.options.WatchOption;
import io.etcd.jetcd.watch.WatchEvent;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** A cluster through jetcd: keys, transactions, watches, leases, and the services Lock and Election. Usage: Smoke ENDPOINTS */
public final class Smoke {
  private static ByteSequence bytes(String text) {
    return ByteSequence.from(text, UTF_8);
  }

  private static void expect(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }

  public static void main(String[] args) throws Exception {
    try (Client client = Client.builder().endpoints(args[0].split(",")).build()) {
      keys(client);
      watches(client);
      leases(client);
      locks(client);
      elections(client);
      expect(client.getClusterClient().listMember().get(30, TimeUnit.SECONDS).getMembers().size() == 3, "members");
    }
    System.out.println("ok java");
  }

  private static void keys(Client client) throws Exception {
    var kv = client.getKVClient();
    kv.put(bytes("java/a"), bytes("1")).get(30, TimeUnit.SECONDS);
    kv.put(bytes("java/b"), bytes("2")).get();
    var all = kv.get(bytes("java/"), GetOption.builder().isPrefix(true).build()).get();
    expect(all.getCount() == 2 && all.getKvs().get(1).getValue().toString(UTF_8).equals("2"), "range");
    var txn = kv.txn()
        .If(new Cmp(bytes("java/a"), Cmp.Op.EQUAL, CmpTarget.value(bytes("1"))))
        .Then(Op.put(bytes("java/a"), bytes("then"), PutOption.DEFAULT))
        .Else(Op.delete(bytes("java/a"), DeleteOption.DEFAULT))
        .commit().get();
    expect(txn.isSucceeded(), "transaction");
    var deleted = kv.delete(bytes("java/"), DeleteOption.builder().isPrefix(true).build()).get();
    expect(deleted.getDeleted() == 2, "deleted");
    kv.compact(deleted.getHeader().getRevision()).get();
  }

  private static void watches(Client client) throws Exception {
    List<WatchEvent> seen = new CopyOnWriteArrayList<>();
    var enough = new CountDownLatch(2);
    var option = WatchOption.builder().isPrefix(true).withPrevKV(true).withCreateNotify(true).build();
    var created = new CountDownLatch(1);
    try (var watcher = client.getWatchClient().watch(bytes("java/watch/"), option, answer -> {
      if (answer.isCreatedNotify()) {
        created.countDown();
      }
      seen.addAll(answer.getEvents());
      answer.getEvents().forEach(event -> enough.countDown());
    })) {
      // A put before the server says so would be one that the watch need not see.
      expect(created.await(30, TimeUnit.SECONDS), "created");
      client.getKVClient().put(bytes("java/watch/a"), bytes("1")).get();
      client.getKVClient().delete(bytes("java/watch/a")).get();
      expect(enough.await(30, TimeUnit.SECONDS), "events");
    }
    expect(seen.get(0).getEventType() == WatchEvent.EventType.PUT, "put");
    expect(seen.get(1).getPrevKV().getValue().toString(UTF_8).equals("1"), "what was deleted");
  }

  private static void leases(Client client) throws Exception {
    var leases = client.getLeaseClient();
    long id = leases.grant(60).get().getID();
    client.getKVClient().put(bytes("java/leased"), bytes("1"), PutOption.builder().withLeaseId(id).build()).get();
    expect(leases.keepAliveOnce(id).get().getTTL() == 60, "kept alive");
    expect(leases.timeToLive(id, LeaseOption.builder().withAttachedKeys().build()).get().getKeys().size() == 1, "keys");
    leases.revoke(id).get();
    expect(client.getKVClient().get(bytes("java/leased")).get().getCount() == 0, "revoked");
  }

  private static void locks(Client client) throws Exception {
    var lock = client.getLockClient();
    long first = client.getLeaseClient().grant(60).get().getID();
    long second = client.getLeaseClient().grant(60).get().getID();
    var held = lock.lock(bytes("java/lock"), first).get(30, TimeUnit.SECONDS).getKey();
    var waiting = lock.lock(bytes("java/lock"), second);
    expect(!waiting.isDone(), "locked twice");
    lock.unlock(held).get();
    lock.unlock(waiting.get(30, TimeUnit.SECONDS).getKey()).get();
  }

  private static void elections(Client client) throws Exception {
    var election = client.getElectionClient();
    long lease = client.getLeaseClient().grant(60).get().getID();
    var office = election.campaign(bytes("java/election"), lease, bytes("one")).get(30, TimeUnit.SECONDS).getLeader();
    election.proclaim(office, bytes("still one")).get();
    expect(election.leader(bytes("java/election")).get().getKv().getValue().toString(UTF_8).equals("still one"), "leader");
    election.resign(office).get();
  }
}
