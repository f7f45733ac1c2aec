"""A cluster through the python client etcd3: keys, transactions, watches, leases, locks, members, status.

Usage: smoke.py PORT
"""

import sys
import threading

import etcd3


def main():
    client = etcd3.client(host="127.0.0.1", port=int(sys.argv[1]), timeout=30)

    client.put("py/a", "1")
    value, meta = client.get("py/a")
    assert value == b"1" and meta.version == 1, (value, meta)
    client.put("py/b", "2")
    assert [meta.key for _, meta in client.get_prefix("py/", sort_order="descend")] == [b"py/b", b"py/a"]

    succeeded, responses = client.transaction(
        compare=[client.transactions.value("py/a") == "1", client.transactions.version("py/none") == 0],
        success=[client.transactions.put("py/a", "then"), client.transactions.get("py/a")],
        failure=[client.transactions.delete("py/a")],
    )
    assert succeeded and responses[1][0][0] == b"then", responses
    assert client.replace("py/a", "then", "replaced")
    assert not client.put_if_not_exists("py/a", "again")

    seen, enough = [], threading.Event()

    def on_event(response):
        seen.extend(response.events)
        if len(seen) >= 2:
            enough.set()

    watch_id = client.add_watch_prefix_callback("py/watch/", on_event)
    client.put("py/watch/a", "1")
    client.delete("py/watch/a")
    assert enough.wait(30), seen
    client.cancel_watch(watch_id)
    assert [type(event).__name__ for event in seen] == ["PutEvent", "DeleteEvent"], seen

    lease = client.lease(60)
    client.put("py/leased", "1", lease=lease)
    assert list(lease.keys) == [b"py/leased"]
    assert 0 < lease.remaining_ttl <= 60
    list(lease.refresh())
    lease.revoke()
    assert client.get("py/leased")[0] is None

    with client.lock("py/lock", ttl=20) as lock:
        assert lock.is_acquired()
        assert not client.lock("py/lock", ttl=20).acquire(timeout=1)

    assert len(list(client.members)) == 3
    status = client.status()
    assert status.leader is not None and status.version.startswith("3."), status
    assert client.hash() == client.hash()
    assert list(client.list_alarms()) == []
    client.defragment()
    deleted = client.delete_prefix("py/")
    assert deleted.deleted == 2, deleted
    client.compact(client.status().raft_index and deleted.header.revision)
    client.close()
    # One write: the library's threads complain on stderr when the client closes, against any server, and the test reads both.
    sys.stdout.write("ok python\n")
    sys.stdout.flush()


main()
