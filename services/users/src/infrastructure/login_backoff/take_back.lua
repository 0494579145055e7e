-- Takes back an attempt to log in that turned out not to be a failure.
-- KEYS: the account, and the network if it counts. ARGV: when the attempt was, in microseconds; 1 to forget all of the
-- account's failures; when the last failures were before it, on the account and from the network.
for i, key in ipairs(KEYS) do
  if i == 1 and ARGV[2] == '1' then
    redis.call('DEL', key)
  else
    local found = redis.call('HMGET', key, 'count', 'last')
    if found[1] then
      redis.call('HSET', key, 'count', math.max(found[1] - 1, 0))
      if found[2] == ARGV[1] then
        redis.call('HSET', key, 'last', ARGV[i + 2])
      end
    end
  end
end
return 1
