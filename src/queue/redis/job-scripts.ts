// What is done to jobs in Redis at once and whole: accepted, claimed by one worker, told, ended once, removed.
// Keys: J:ID a job, E:ID its events (a stream, whose ids count from 1-0), O:OWNER and U:OWNER an owner's jobs and the unfinished ones,
// U, Q, X, XN all unfinished, all waiting, all ended and those ended without a conversation, D deadlines, A:SERVER attached jobs, I:OWNER keys of clients.

import { script } from './connection.ts';

const ended = `
local function endJob(id, status, code, message, at)
  local job = p .. ':J:' .. id
  local owner, conversation, server = unpack(redis.call('HMGET', job, 'owner', 'conversation', 'server'))
  redis.call('HSET', job, 'status', status, 'endedAt', at, 'errorCode', code, 'errorMessage', message)
  redis.call('HDEL', job, 'holder', 'cancel')
  for _, name in ipairs({ 'U', 'Q', 'D', 'U:' .. owner }) do redis.call('ZREM', p .. ':' .. name, id) end
  if server and server ~= '' then redis.call('SREM', p .. ':A:' .. server, id) end
  redis.call('ZADD', p .. ':X', at, id)
  if conversation == '' then redis.call('ZADD', p .. ':XN', at, id) end
end`;

/**
 * ARGV: id, owner, idempotency key, digest, nonce, server of an attached job, lane, most that wait (or -1), most of the owner (or -1),
 * deadline, createdAt, conversation, first event, then fields and values of the job. Answers the fields of the job that is kept.
 */
export const addJob = script(`
local id, owner, key, digest, nonce, server, lane, capacity, perOwner, deadline, at, conversation, event = unpack(ARGV, 1, 13)
local job, keys = p .. ':J:' .. id, p .. ':I:' .. owner
if key ~= '' then
  local known = redis.call('HGET', keys, key)
  if known then
    local other, before = string.match(known, '^(%S+) (.*)$')
    if before ~= digest then return fail('conflict', 'the idempotency key came before with another request; send this one under a new key') end
    return redis.call('HGETALL', p .. ':J:' .. other)
  end
end
if redis.call('EXISTS', job) == 1 then
  if redis.call('HGET', job, 'nonce') == nonce then return redis.call('HGETALL', job) end
  return fail('conflict', 'job ' .. id .. ': the id is taken; send another')
end
if tonumber(capacity) >= 0 and redis.call('ZCARD', p .. ':Q') >= tonumber(capacity) then return fail('queue_full', capacity .. ' jobs wait already; try again later') end
if tonumber(perOwner) >= 0 and redis.call('ZCARD', p .. ':U:' .. owner) >= tonumber(perOwner) then return fail('queue_full', perOwner .. ' of your jobs wait or run already; try again later') end
local seq = redis.call('INCR', p .. ':seq')
local served = p .. ':F:' .. lane
-- With nobody waiting, turns begin anew: they never grow beyond what BullMQ can order by.
if redis.call('ZCARD', p .. ':bull:' .. lane .. ':prioritized') == 0 then redis.call('DEL', served) end
local turn = math.max(tonumber(redis.call('HGET', served, '') or '0'), tonumber(redis.call('HGET', served, 'o' .. owner) or '0')) + 1
redis.call('HSET', served, 'o' .. owner, turn)
redis.call('HSET', job, 'seq', seq, 'nonce', nonce, 'server', server, 'lane', lane, 'turn', turn, 'last', 1, 'claims', 0, unpack(ARGV, 14))
redis.call('XADD', p .. ':E:' .. id, '1-0', 'a', 1, 't', at, 'b', event)
for _, name in ipairs({ 'U', 'Q', 'O:' .. owner, 'U:' .. owner }) do redis.call('ZADD', p .. ':' .. name, seq, id) end
if deadline ~= '' then redis.call('ZADD', p .. ':D', deadline, id) end
if server ~= '' then redis.call('SADD', p .. ':A:' .. server, id) end
if key ~= '' then
  redis.call('HSET', keys, key, id .. ' ' .. digest)
  redis.call('HSET', job, 'key', key)
end
return redis.call('HGETALL', job)`);

/** ARGV: id, holder (or nothing: whoever holds it), attempt, time of the last event, writer, nonce, status of the end (or nothing), its code, its message, then time and body of each event. Answers the id of the first one. */
export const appendEvents = script(`${ended}
local id, holder, attempt, at, writer, nonce, status, code, message = unpack(ARGV, 1, 9)
local job = p .. ':J:' .. id
local known, over, last, held, before = unpack(redis.call('HMGET', job, 'status', 'endedAt', 'last', 'holder', 'n:' .. writer))
if not known then return fail('not_found', 'job ' .. id .. ': there is none') end
if before and string.match(before, '^%S+') == nonce then return tonumber(string.match(before, '(%d+)$')) end
if over ~= '' then return fail('conflict', 'job ' .. id .. ': it has ended as ' .. known) end
if holder ~= '' and held ~= holder then return fail('conflict', 'job ' .. id .. ': another worker has it') end
local first = tonumber(last) + 1
local count = (#ARGV - 9) / 2
for index = 0, count - 1 do redis.call('XADD', p .. ':E:' .. id, (first + index) .. '-0', 'a', attempt, 't', ARGV[10 + 2 * index], 'b', ARGV[11 + 2 * index]) end
redis.call('HSET', job, 'last', first + count - 1, 'n:' .. writer, nonce .. ' ' .. first)
if status ~= '' then endJob(id, status, code, message, at) end
redis.call('PUBLISH', p .. ':news:' .. id, '')
return first`);

/** ARGV: id, holder (or nothing), fields and values. What has ended stays as it is. */
export const updateJob = script(`
local job = p .. ':J:' .. ARGV[1]
local over, held = unpack(redis.call('HMGET', job, 'endedAt', 'holder'))
if over ~= '' then return 0 end
if ARGV[2] ~= '' and held ~= ARGV[2] then return fail('conflict', 'job ' .. ARGV[1] .. ': another worker has it') end
if #ARGV > 2 then redis.call('HSET', job, unpack(ARGV, 3)) end
return 1`);

/** ARGV: id, holder. Gives the job to a worker, and takes it from the one that had it. Answers its fields; nothing where it has ended. */
export const claimJob = script(`
local job = p .. ':J:' .. ARGV[1]
local over, lane, turn = unpack(redis.call('HMGET', job, 'endedAt', 'lane', 'turn'))
if over ~= '' then return {} end
redis.call('HSET', job, 'holder', ARGV[2])
redis.call('HINCRBY', job, 'claims', 1)
redis.call('ZREM', p .. ':Q', ARGV[1])
local served = p .. ':F:' .. lane
if tonumber(redis.call('HGET', served, '') or '0') < tonumber(turn) then redis.call('HSET', served, '', turn) end
return redis.call('HGETALL', job)`);

/** ARGV: id, holder (or nothing: whoever holds it). Puts a job back among those that wait. */
export const releaseJob = script(`
local job = p .. ':J:' .. ARGV[1]
local over, held, seq = unpack(redis.call('HMGET', job, 'endedAt', 'holder', 'seq'))
if over ~= '' or (ARGV[2] ~= '' and held ~= ARGV[2]) then return 0 end
redis.call('HDEL', job, 'holder')
redis.call('HSET', job, 'status', 'queued')
redis.call('ZADD', p .. ':Q', seq, ARGV[1])
return 1`);

/** ARGV: id, reason. Asks whoever has the job to end it. Answers who has it; nothing where nobody does, 0 where it has ended. */
export const cancelJob = script(`
local job = p .. ':J:' .. ARGV[1]
local over, held = unpack(redis.call('HMGET', job, 'endedAt', 'holder'))
if over ~= '' then return 0 end
redis.call('HSET', job, 'cancel', ARGV[2])
redis.call('PUBLISH', p .. ':cancel', ARGV[1])
return held or ''`);

/** ARGV: id. Removes a job that has ended. */
export const removeJob = script(`
local job = p .. ':J:' .. ARGV[1]
local over, owner, key = unpack(redis.call('HMGET', job, 'endedAt', 'owner', 'key'))
if not over or over == '' then return 0 end
if key then redis.call('HDEL', p .. ':I:' .. owner, key) end
for _, name in ipairs({ 'X', 'XN', 'O:' .. owner }) do redis.call('ZREM', p .. ':' .. name, ARGV[1]) end
redis.call('DEL', job, p .. ':E:' .. ARGV[1])
return 1`);
