-- Counts an attempt to log in from where the owner is known, or says how long it has to wait.
-- KEYS: the failures on the account from there. ARGV: microseconds: now; failures that cost nothing; microseconds: the first
-- wait, the longest, the quiet time after which failures are forgotten, how far clocks are apart.
-- Answers with the wait, 1 if it is told for the first time, and when the last failure was before this one.
local now, free, first, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local forgotten, skew = tonumber(ARGV[5]), tonumber(ARGV[6])

local function wait_after(count)
  local doublings = count - free - 1
  if doublings < 0 then
    return 0
  end
  return math.min(first * 2 ^ math.min(doublings, 16), longest)
end

local found = redis.call('HMGET', KEYS[1], 'count', 'last')
local count, last = tonumber(found[1] or 0), tonumber(found[2] or 0)
-- Where the clock was set back, the wait begins now.
if last > now + skew then
  last = now
  redis.call('HSET', KEYS[1], 'last', ARGV[1])
end
-- Never longer than the failures cost, also where another process's clock is a little ahead.
local cost = wait_after(count)
local wait = math.min(last + cost - now, cost)
if wait > 0 then
  return { wait, redis.call('HSETNX', KEYS[1], 'reported', 1), 0 }
end
if now - last >= forgotten then
  count = 0
end
redis.call('HSET', KEYS[1], 'count', count + 1, 'last', ARGV[1])
redis.call('HDEL', KEYS[1], 'reported')
redis.call('PEXPIRE', KEYS[1], math.ceil(forgotten / 1000))
return { 0, 0, last }
