-- Whom Assay turned away in the last five minutes, so that they, and nobody else, stay out while it is away. Each worker
-- thread of Envoy knows those that it turned away itself.
local KEEP_MS = 300000
-- Clients held in each half; once the young half is full, the old one is forgotten.
local HALF = 10000

local bit = require("bit")
local young, old, count = {}, {}, 0

-- The address as it is, the rest in 64 bits: no credential stays here.
local function key_of(headers)
  local text = (headers:get("user-agent") or "") .. "\n" .. (headers:get("authorization") or "") .. "\n" .. (headers:get("x-api-key") or "")
  local a, b = 5381, 0
  for i = 1, #text do
    local byte = text:byte(i)
    a, b = bit.bxor(bit.tobit(a * 33), byte), bit.bxor(bit.tobit(b * 65599), byte)
  end
  return (headers:get("x-real-ip") or "") .. " " .. bit.tohex(a) .. bit.tohex(b)
end

local function remember(key, now)
  if young[key] == nil then
    if count >= HALF then
      old, young, count = young, {}, 0
    end
    count = count + 1
  end
  young[key] = now + KEEP_MS
end

local function is_known(key, now)
  return (young[key] or old[key] or 0) > now
end

function envoy_on_request(handle)
  local key = key_of(handle:headers())
  local told = handle:streamInfo():dynamicMetadata()
  told:set("assay", "key", key)
  if is_known(key, handle:timestamp()) then
    told:set("assay", "known", true)
  end
end

function envoy_on_response(handle)
  if handle:headers():get(":status") ~= "403" then
    return
  end
  local told = handle:streamInfo():dynamicMetadata():get("assay")
  -- What came past Assay was turned away by somebody else.
  if told and not told.passed then
    remember(told.key, handle:timestamp())
  end
end
