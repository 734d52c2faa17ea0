//! What Redis has to do in one step.

use std::sync::LazyLock;

use redis::Script;

/// Keys: snapshot, updates. Arguments: milliseconds to live.
/// Answers the snapshot's position and state, and the updates from that position on.
pub(super) static LOAD: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local kept = redis.call('HMGET', KEYS[1], 'seq', 'state')
        redis.call('PEXPIRE', KEYS[1], ARGV[1])
        redis.call('PEXPIRE', KEYS[2], ARGV[1])
        return {kept[1], kept[2], redis.call('XRANGE', KEYS[2], kept[1] or '1', '+')}",
    )
});

/// Keys: snapshot, updates. Arguments: milliseconds to live, position, state.
/// Keeps the snapshot unless a newer one is kept.
pub(super) static PUT_SNAPSHOT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local kept = tonumber(redis.call('HGET', KEYS[1], 'seq') or '')
        if not kept or kept <= tonumber(ARGV[2]) then
            redis.call('HSET', KEYS[1], 'seq', ARGV[2], 'state', ARGV[3])
        end
        redis.call('PEXPIRE', KEYS[1], ARGV[1])
        redis.call('PEXPIRE', KEYS[2], ARGV[1])",
    )
});

/// Keys: the rate. Arguments: microseconds that one takes to come back, how many there are.
/// Answers how many microseconds it is until there is one; 0: it is taken.
///
/// What is kept is when all of them will have come back (the generic cell rate algorithm,
/// ITU-T I.371). Numbers are written out: Lua would round them to 14 digits.
pub(super) static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local each, most = tonumber(ARGV[1]), tonumber(ARGV[2])
        local whole = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
        local wait = whole + each - most * each - now
        if wait > 0 then
            return wait
        end
        whole = whole + each
        redis.call('SET', KEYS[1], string.format('%.0f', whole), 'PX', math.ceil((whole - now) / 1000))
        return 0",
    )
});

/// Keys: the rate. Arguments: microseconds that one takes to come back.
/// Undoes one [`TAKE`].
pub(super) static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local whole = tonumber(redis.call('GET', KEYS[1]) or '0') - tonumber(ARGV[1])
        if whole > now then
            redis.call('SET', KEYS[1], string.format('%.0f', whole), 'PX', math.ceil((whole - now) / 1000))
        else
            redis.call('DEL', KEYS[1])
        end",
    )
});

/// Keys: a sorted set of ids by when their leases end. Arguments: milliseconds that a lease
/// lasts, how many there may be, the id.
/// Answers whether there was room for it.
pub(super) static TAKE_LEASE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
        if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
            return 0
        end
        redis.call('ZADD', KEYS[1], now + tonumber(ARGV[1]), ARGV[3])
        redis.call('PEXPIRE', KEYS[1], ARGV[1])
        return 1",
    )
});

/// Keys: snapshot, updates. Arguments: milliseconds to live, how many updates are kept,
/// how many may be moved to fill a hole, the first position, and the updates from there on.
///
/// A stream takes only growing ids, but two nodes that commit one after the other may
/// come here the other way round. So what stands after the hole is taken out, the
/// stream's last id set back, and all of it added in order.
pub(super) static PUSH: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local updates, first = KEYS[2], tonumber(ARGV[4])
        local last = first + #ARGV - 5

        local function add(seq, update)
            redis.call('XADD', updates, string.format('%.0f-0', seq), 'update', update)
        end
        local function position(entry)
            return tonumber(string.match(entry[1], '^%d+'))
        end

        local top = redis.call('XREVRANGE', updates, '+', '-', 'COUNT', 1)[1]
        top = top and position(top) or 0
        if first <= top then
            local movable = tonumber(ARGV[3])
            local behind = redis.call('XRANGE', updates, ARGV[4], '+', 'COUNT', movable + 1)
            local kept = {}
            for _, entry in ipairs(behind) do
                kept[position(entry)] = true
            end
            local missing = false
            for seq = first, math.min(last, top) do
                missing = missing or not kept[seq]
            end
            if missing and #behind <= movable then
                for _, entry in ipairs(behind) do
                    redis.call('XDEL', updates, entry[1])
                end
                redis.call('XSETID', updates, string.format('%.0f-0', first - 1))
                for seq = first, last do
                    add(seq, ARGV[5 + seq - first])
                end
                for _, entry in ipairs(behind) do
                    if position(entry) > last then
                        redis.call('XADD', updates, entry[1], unpack(entry[2]))
                    end
                end
                top = last
            end
        end
        for seq = math.max(first, top + 1), last do
            add(seq, ARGV[5 + seq - first])
        end
        redis.call('XTRIM', updates, 'MAXLEN', ARGV[2])
        redis.call('PEXPIRE', KEYS[1], ARGV[1])
        redis.call('PEXPIRE', KEYS[2], ARGV[1])",
    )
});
