-- Counts an attempt to log in from where the owner isn't known, or says how long it has to wait.
-- KEYS: the account, its place for the network, and, where the network is known, the wider network's places on the account
-- and the network's own failures. ARGV: microseconds: now; failures that cost nothing; microseconds: the first wait, the
-- longest, the quiet time after which failures are forgotten, how far clocks are apart; a quiet time that ends a table, its greatest age; tries of a
-- place, places, places of a wider network beyond half of them.
-- Answers with the wait, 1 if it is told for the first time, 1 if the attempt is among the tries of its place, and when the
-- last failures were before it: in the slow count, and from the network.
local now, free, first, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local forgotten, skew = tonumber(ARGV[5]), tonumber(ARGV[6])
local quiet, age = tonumber(ARGV[7]), tonumber(ARGV[8])
local tries, places, crowd = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local account, place, wider, network = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local function wait_after(count)
  local doublings = count - free - 1
  if doublings < 0 then
    return 0
  end
  return math.min(first * 2 ^ math.min(doublings, 16), longest)
end

-- What is left of the wait: never longer than the failures cost, also where another process's clock is a little ahead.
local function wait_of(failed)
  local cost = wait_after(failed.count)
  return math.min(failed.last + cost - now, cost)
end

local function failures(key)
  local found = redis.call('HMGET', key, 'count', 'failed')
  local last = tonumber(found[2] or 0)
  -- Where the clock was set back, the wait begins now.
  if last > now + skew then
    last = now
    redis.call('HSET', key, 'failed', ARGV[1])
  end
  return { key = key, count = tonumber(found[1] or 0), last = last }
end

local function count(failed, lifetime)
  local number = failed.count
  if now - failed.last >= forgotten then
    number = 0
  end
  redis.call('HSET', failed.key, 'count', number + 1, 'failed', ARGV[1])
  redis.call('HDEL', failed.key, 'reported')
  if lifetime then
    redis.call('PEXPIRE', failed.key, math.ceil(lifetime / 1000))
  end
end

local table = redis.call('HMGET', account, 'since', 'last', 'taken')
local since, last, taken = table[1] or '0', tonumber(table[2] or 0), tonumber(table[3] or 0)
if now - last >= quiet or now - tonumber(since) >= age then
  since, taken = ARGV[1], 0
end

local function tally(key)
  local found = key and redis.call('HMGET', key, 'since', 'number') or {}
  return found[1] == since and tonumber(found[2]) or 0
end

local mine, near = tally(place), tally(wider)
local is_own
if mine == 0 then
  is_own = taken * 2 < places or (taken < places and near < crowd)
else
  is_own = mine < tries
end

local slow = failures(account)
local from_network = network and failures(network)
local wait, waits_for = 0, nil
if not is_own then
  wait, waits_for = wait_of(slow), account
end
if from_network then
  local own = wait_of(from_network)
  if own > math.max(wait, 0) then
    wait, waits_for = own, network
  end
end
if wait > 0 then
  return { wait, redis.call('HSETNX', waits_for, 'reported', 1), 0, 0, 0 }
end

local takes = is_own and mine == 0
if takes then
  taken = taken + 1
end
-- A few networks are a person's; a table with more is remembered as long as it is used.
local lifetime = taken > 16 and age or quiet
local function set_tally(key, number)
  redis.call('HSET', key, 'since', since, 'number', number)
  redis.call('PEXPIRE', key, math.ceil(lifetime / 1000))
end
if is_own then
  set_tally(place, mine + 1)
  if takes and wider then
    set_tally(wider, near + 1)
  end
else
  count(slow)
end
redis.call('HSET', account, 'since', since, 'last', ARGV[1], 'taken', taken)
redis.call('PEXPIRE', account, math.ceil(lifetime / 1000))
if from_network then
  count(from_network, forgotten)
end
return { 0, 0, is_own and 1 or 0, slow.last, from_network and from_network.last or 0 }
