# Good services in Ruby whose work looks like somebody's attack; the first argument says which: verification, gateway, carts.
require_relative 'seat'
require 'digest'

SEAT = Seat.new(25, 400)
AGENT = { 'User-Agent' => SEAT.pick(['Ruby', 'identity-service/1.9', 'bff 3.2', 'rest-client/2.1.0']) }.freeze

def ask(method, path, body = nil, **options) = SEAT.insist(method, path, body, headers: AGENT, **options) || [0, {}]

# A firm that confirms its customers' phones: a code to each, which most type in rightly, some after a slip, some never.
def verification
  SEAT.token = SEAT.key
  gap = SEAT.log(0.05, 4)
  until SEAT.over?
    phone = "+49151#{SEAT.int(10_000_000, 99_999_999)}"
    ask('post', SEAT.at('otpSend'), { phone: })
    SEAT.pause(gap * SEAT.real(0.5, 2))
    next if SEAT.chance(0.12)

    ask('post', SEAT.at('otpSend'), { phone: }) if SEAT.chance(0.1)
    right = format('%06d', Digest::SHA256.hexdigest("otp|#{phone}")[0, 8].to_i(16) % 1_000_000)
    ask('post', SEAT.at('otpVerify'), { phone:, code: format('%06d', SEAT.int(0, 999_999)) }) if SEAT.chance(0.15)
    ask('post', SEAT.at('otpVerify'), { phone:, code: right })
    SEAT.pause(gap * SEAT.real(0.5, 2))
  end
end

# The back end of an app that signs its users in from one address; now and then one has forgotten the password.
def gateway
  users = ENV.fetch('RANGE_ACCOUNTS', '').split.map { |pair| pair.split(':', 2) } << [SEAT.email, SEAT.password]
  gap = SEAT.log(0.1, 4)
  until SEAT.over?
    email, password = SEAT.pick(users)
    ask('post', SEAT.at('login'), { email:, password: "#{password}#{SEAT.int(0, 9)}" }, as: '') if SEAT.chance(0.12)
    _, signed = ask('post', SEAT.at('login'), { email:, password: }, as: '')
    token = signed['token']
    serve(token) if token
    SEAT.pause(gap * SEAT.real(0.4, 2))
  end
end

def serve(token)
  ask('get', SEAT.at('me'), as: token) if SEAT.chance(0.7)
  SEAT.int(0, 3).times do
    list, item = SEAT.pick([%w[orders order], %w[products product]])
    _, page = ask('get', "#{SEAT.at(list)}?limit=20", as: token)
    one = (page['items'] || []).first
    ask('get', SEAT.at(item, one['id']), as: token) if one && SEAT.chance(0.5)
    SEAT.pause(SEAT.log(0.05, 1))
  end
end

# A buyer's system that puts together carts, lets some go, and pays for most.
def carts
  SEAT.token = SEAT.key if SEAT.chance(0.6)
  _, page = ask('get', "#{SEAT.at('products')}?limit=100")
  ids = SEAT.ids(page)
  gap = SEAT.log(0.05, 2)
  until SEAT.over? || ids.empty?
    _, cart = ask('post', SEAT.at('cart'), {})
    break unless cart['id']

    SEAT.int(1, 8).times { ask('post', SEAT.at('cartItems', cart['id']), { productId: SEAT.pick(ids), qty: SEAT.int(1, 6) }) }
    SEAT.pause(gap)
    settle(cart['id'])
    SEAT.pause(gap * SEAT.real(0.5, 3))
  end
end

def settle(cart)
  return ask('delete', "#{SEAT.at('cart')}/#{cart}") if SEAT.chance(0.2)

  ask('post', SEAT.at('payments'), { card: '5555555555554444', expiry: '10/28', cvc: '737', amount: SEAT.int(20, 900), cartId: cart })
  ask('post', SEAT.at('checkout', cart), {})
end

send(ARGV.fetch(0))
