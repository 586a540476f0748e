-- Writes or removes one field of a hash of records, each 'revision\nJSON'. KEYS: 1 the hash, 4 the last revision, 5 the stream of changes.
-- ARGV: 1 unused, 2 the lattice, 3 the field, 4 the expected revision, 5 'put' or 'remove', 6 what to publish ('': nothing), 7 the JSON.
-- A value without a revision counts as revision 1, so that it can be replaced.
local held = redis.call('HGET', set, name)
local rev = held and (string.match(held, '^(%d+)\n') or '1') or '0'
if ARGV[5] == 'remove' and not held then return {'none'} end
if rev ~= ARGV[4] then return {'conflict'} end
local now, last = advance()
if ARGV[5] == 'put' then redis.call('HSET', set, name, now .. '\n' .. ARGV[7]) else redis.call('HDEL', set, name) end
if ARGV[6] ~= '' then publish(ARGV[6], now, last) end
return {'ok', now}
