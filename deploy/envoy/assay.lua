-- Whom Assay turned away in the last five minutes, so that they, and nobody else, stay out while it is away; and who has been
-- good for long, who is not asked about again for a second. Each worker thread of Envoy knows those that it asked about itself.
local DENIED_MS = 300000
local STEADY_MS = 1000
-- Clients held in each half; once the young half is full, the old one is forgotten.
local HALF = 10000
local TOLD = { "verdict", "score", "reasons", "decision", "subject" }

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

-- @param what until when it holds (till, ms), and of a steady client what is told of it
local function remember(key, what)
  if young[key] == nil then
    if count >= HALF then
      old, young, count = young, {}, 0
    end
    count = count + 1
  end
  young[key] = what
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local key = key_of(headers)
  local metadata = handle:streamInfo():dynamicMetadata()
  metadata:set("assay", "key", key)
  local known = young[key] or old[key]
  if not known or known.till <= handle:timestamp() then return end
  metadata:set("assay", known.told and "steady" or "known", true)
  for name, value in pairs(known.told or {}) do headers:replace("x-assay-" .. name, value) end
end

function envoy_on_response(handle)
  local metadata = handle:streamInfo():dynamicMetadata()
  local said = metadata:get("envoy.filters.http.ext_authz")
  if said and (said.steady or said["cache-control"] == "max-age=1") then
    local told = {}
    for _, name in ipairs(TOLD) do told[name] = said[name] or said["x-assay-" .. name] end
    remember(metadata:get("assay").key, { till = handle:timestamp() + STEADY_MS, told = told })
  elseif handle:headers():get(":status") == "403" then
    local asked = metadata:get("assay")
    -- What came past Assay was turned away by somebody else.
    if asked and not asked.passed then remember(asked.key, { till = handle:timestamp() + DENIED_MS }) end
  end
end
