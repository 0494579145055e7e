-- Counts an attempt to log in, or says how long it has to wait.
-- KEYS: the account, and the network if it counts. ARGV: microseconds: now; failures that cost nothing; microseconds: the
-- first wait, the longest, the quiet time after which failures are forgotten.
-- Answers with the wait, 1 if it is told for the first time, and when the last failures were before this one.
local now, free, first, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local forgotten = tonumber(ARGV[5])

local function wait_after(count)
  local doublings = count - free - 1
  if doublings < 0 then
    return 0
  end
  return math.min(first * 2 ^ math.min(doublings, 16), longest)
end

local before, wait, waits_for = {}, 0, nil
for i, key in ipairs(KEYS) do
  local found = redis.call('HMGET', key, 'count', 'last')
  before[i] = { count = tonumber(found[1] or 0), last = tonumber(found[2] or 0) }
  local own = before[i].last + wait_after(before[i].count) - now
  if own > wait then
    wait, waits_for = own, key
  end
end

if waits_for then
  local is_first = redis.call('HSETNX', waits_for, 'reported', 1)
  return { wait, is_first, 0, 0 }
end

for i, key in ipairs(KEYS) do
  local count = before[i].count
  if now - before[i].last >= forgotten then
    count = 0
  end
  redis.call('HSET', key, 'count', count + 1, 'last', ARGV[1])
  redis.call('HDEL', key, 'reported')
  redis.call('PEXPIRE', key, math.ceil(forgotten / 1000))
end
return { 0, 0, before[1].last, before[2] and before[2].last or 0 }
