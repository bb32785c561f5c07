-- The question over HTTP, where SPOE can't be had: a connection of its own for each request.
local TIMEOUT_SECONDS = 0.020
local HEADERS = { "verdict", "score", "reasons", "decision", "subject" }

local function header(txn, name)
  local value = txn.sf:req_fhdr(name)
  -- A line end in a value would begin a header of the client's own.
  return value and value ~= "" and (name .. ": " .. value:gsub("[\r\n]", " ") .. "\r\n") or ""
end

core.register_action("assay", { "http-req" }, function(txn)
  local socket = core.tcp()
  socket:settimeout(TIMEOUT_SECONDS)
  if socket:connect("127.0.0.1", 8080) then
    socket:send("GET /v1/authz HTTP/1.1\r\nhost: assay\r\nconnection: close\r\nx-real-ip: " .. txn.sf:src() .. "\r\n" ..
      header(txn, "user-agent") .. header(txn, "authorization") .. header(txn, "x-api-key") .. "\r\n")
    local line = socket:receive("*l")
    local status = line and line:match("^HTTP/1%.%d (%d+)")
    if status == "200" or status == "403" then
      txn:set_var("txn.assay.denies", status == "403")
      local found = {}
      while true do
        local each = socket:receive("*l")
        local name, value = (each or ""):match("^x%-assay%-(%a+): (.-)\r?$")
        if name then found[name] = value end
        if not each or each == "" or each == "\r" then break end
      end
      for _, name in ipairs(HEADERS) do
        if found[name] then txn:set_var("txn.assay." .. name, found[name]) end
      end
    end
  end
  socket:close()
end, 0)
