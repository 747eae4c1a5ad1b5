// What is done to the records of media in Redis at once and whole: who has which medium, which jobs brought it, who holds its bytes.
// Keys: M:ID:OWNER a record, MO:OWNER and MA all of an owner and of all by age, F:ID a file with FO:ID its owners and FH:ID its holders,
// MJ:JOB what a job brought, JM:ID:OWNER the jobs that brought a medium, H:HOLDER what is held, G files on their way out, V:ID embeddings.

import { script } from './connection.ts';

const shared = `
local function key(...) return p .. ':' .. table.concat({ ... }, ':') end
local function dropUnused(ids, at)
  local dropped = {}
  for _, id in ipairs(ids) do
    if redis.call('EXISTS', key('F', id)) == 1 and redis.call('EXISTS', key('FO', id)) == 0 and redis.call('EXISTS', key('FH', id)) == 0 then
      redis.call('DECRBY', key('size'), redis.call('GET', key('F', id)))
      redis.call('DEL', key('F', id), key('V', id))
      redis.call('ZADD', key('G'), at, id)
      table.insert(dropped, id)
    end
  end
  return dropped
end
local function removeRecord(owner, id)
  redis.call('DEL', key('M', id, owner))
  redis.call('ZREM', key('MO', owner), id)
  redis.call('ZREM', key('MA'), id .. ' ' .. owner)
  redis.call('SREM', key('FO', id), owner)
end
local function forget(job, field)
  redis.call('HDEL', key('MJ', job), field)
  if redis.call('EXISTS', key('MJ', job)) == 0 then
    redis.call('ZREM', key('MJS'), job)
    redis.call('ZREM', key('MP'), job)
  end
end`;

/** ARGV: id, owner, at, origin, job (or nothing), size, whether it has a title, modality, media type, whether it has a name, name, title, words. Answers 'going' while its bytes are on their way out, else 'kept'. */
export const putMedia = script(`${shared}
local id, owner, at, origin, job, size, titled, modality, mediaType, named, name, title, words = unpack(ARGV)
if redis.call('ZSCORE', key('G'), id) then return 'going' end
if redis.call('SETNX', key('F', id), size) == 1 then redis.call('INCRBY', key('size'), size) end
redis.call('PERSIST', key('B', id))
redis.call('SADD', key('FO', id), owner)
local record = key('M', id, owner)
local ranks = { preview = 1, input = 2, made = 3, upload = 4 }
local known = redis.call('HGET', record, 'origin')
if not known then
  local seq = redis.call('INCR', key('seq'))
  redis.call('HSET', record, 'modality', modality, 'mediaType', mediaType, 'size', size, 'createdAt', at, 'origin', origin, 'job', job, 'titled', titled, 'title', title, 'words', words, 'stays', job == '' and 1 or 0)
  if named == '1' then redis.call('HSET', record, 'name', name) end
  redis.call('ZADD', key('MO', owner), seq, id)
  redis.call('ZADD', key('MA'), seq, id .. ' ' .. owner)
else
  if ranks[origin] > ranks[known] then
    redis.call('HSET', record, 'origin', origin, 'job', job)
    if titled == '1' then redis.call('HSET', record, 'titled', 1, 'title', title, 'words', words) end
  end
  if job == '' then redis.call('HSET', record, 'stays', 1) end
end
if job ~= '' then
  local field = id .. ' ' .. owner
  local before = redis.call('HGET', key('MJ', job), field)
  if not before or before == 'preview' then redis.call('HSET', key('MJ', job), field, origin) end
  redis.call('SADD', key('JM', id, owner), job)
  redis.call('ZADD', key('MJS'), 'NX', at, job)
  if origin == 'preview' then redis.call('ZADD', key('MP'), 'NX', at, job) end
end
return 'kept'`);

/** ARGV: id, owner, at. Answers whether there was one, then the files that nobody has any more. */
export const removeMedia = script(`${shared}
local id, owner, at = unpack(ARGV)
local found = redis.call('EXISTS', key('M', id, owner))
for _, job in ipairs(redis.call('SMEMBERS', key('JM', id, owner))) do forget(job, id .. ' ' .. owner) end
redis.call('DEL', key('JM', id, owner))
removeRecord(owner, id)
return { found, unpack(dropUnused({ id }, at)) }`);

/** ARGV: job, at, origins. Removes what came with the job and nothing else uses. Answers the files that nobody has any more. */
export const removeMediaOfJob = script(`${shared}
local job, at = ARGV[1], ARGV[2]
local of = {}
for index = 3, #ARGV do of[ARGV[index]] = true end
local brought, ids = redis.call('HGETALL', key('MJ', job)), {}
for index = 1, #brought, 2 do
  if of[brought[index + 1]] then
    local id, owner = string.match(brought[index], '^(%S+) (.*)$')
    local record = key('M', id, owner)
    table.insert(ids, id)
    forget(job, brought[index])
    redis.call('SREM', key('JM', id, owner), job)
    local other = redis.call('SRANDMEMBER', key('JM', id, owner))
    if redis.call('HGET', record, 'job') == job then redis.call('HSET', record, 'job', other or '') end
    if not other then
      for _, holder in ipairs(redis.call('SMEMBERS', key('FH', id))) do
        if string.sub(holder, 1, 4) ~= 'job/' and redis.call('EXISTS', record) == 1 then redis.call('HSET', record, 'stays', 1) end
      end
      if redis.call('HGET', record, 'stays') == '0' then removeRecord(owner, id) end
    end
  end
end
if of.preview then redis.call('ZREM', key('MP'), job) end
return dropUnused(ids, at)`);

/** ARGV: holder, at, ids. */
export const holdMedia = script(`${shared}
for index = 3, #ARGV do
  if redis.call('EXISTS', key('F', ARGV[index])) == 0 then return fail('not_found', 'medium ' .. string.sub(ARGV[index], 1, 12) .. ': it is not kept') end
end
for index = 3, #ARGV do
  redis.call('SADD', key('H', ARGV[1]), ARGV[index])
  redis.call('SADD', key('FH', ARGV[index]), ARGV[1])
end
if string.sub(ARGV[1], 1, 4) == 'job/' then redis.call('ZADD', key('HJ'), 'NX', ARGV[2], string.sub(ARGV[1], 5)) end
return 1`);

/** ARGV: holder, at. Answers the files that nobody has any more. */
export const releaseMedia = script(`${shared}
local ids = redis.call('SMEMBERS', key('H', ARGV[1]))
for _, id in ipairs(ids) do redis.call('SREM', key('FH', id), ARGV[1]) end
redis.call('DEL', key('H', ARGV[1]))
if string.sub(ARGV[1], 1, 4) == 'job/' then redis.call('ZREM', key('HJ'), string.sub(ARGV[1], 5)) end
return dropUnused(ids, ARGV[2])`);

/** ARGV: id, space, vector. */
export const setEmbedding = script(`${shared}
if redis.call('EXISTS', key('F', ARGV[1])) == 1 then redis.call('HSET', key('V', ARGV[1]), ARGV[2], ARGV[3]) end
return 1`);
