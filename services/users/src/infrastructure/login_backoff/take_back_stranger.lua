-- Takes back an attempt to log in from where the owner isn't known.
-- KEYS: those of the attempt. ARGV: when it was, in microseconds; 1 if it succeeded; 1 if it was among the tries of its
-- place; when the last failures were before it: in the slow count, and from the network.
local account, place, wider, network = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local function take_back(key, before)
  local found = redis.call('HMGET', key, 'count', 'failed')
  if found[1] then
    redis.call('HSET', key, 'count', math.max(found[1] - 1, 0))
    if found[2] == ARGV[1] then
      redis.call('HSET', key, 'failed', before)
    end
  end
end

if ARGV[3] ~= '1' then
  take_back(account, ARGV[4])
end
if network then
  take_back(network, ARGV[5])
end

local table = redis.call('HMGET', account, 'since', 'taken')
local function tally(key)
  local found = redis.call('HMGET', key, 'since', 'number')
  return found[1] and found[1] == table[1] and tonumber(found[2]) or 0
end
local tries = tally(place)
if tries == 0 then
  return 1
end
if ARGV[2] == '1' or (ARGV[3] == '1' and tries == 1) then
  redis.call('DEL', place)
  redis.call('HSET', account, 'taken', math.max(table[2] - 1, 0))
  if wider and tally(wider) > 0 then
    redis.call('HINCRBY', wider, 'number', -1)
  end
elseif ARGV[3] == '1' then
  redis.call('HINCRBY', place, 'number', -1)
end
return 1
