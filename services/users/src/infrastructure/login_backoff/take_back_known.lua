-- Takes back an attempt to log in from where the owner is known.
-- KEYS: the failures on the account from there. ARGV: when the attempt was, in microseconds; 1 to forget all failures; when
-- the last failure was before it.
if ARGV[2] == '1' then
  redis.call('DEL', KEYS[1])
  return 1
end
local found = redis.call('HMGET', KEYS[1], 'count', 'last')
if found[1] then
  redis.call('HSET', KEYS[1], 'count', math.max(found[1] - 1, 0))
  if found[2] == ARGV[1] then
    redis.call('HSET', KEYS[1], 'last', ARGV[3])
  end
end
return 1
