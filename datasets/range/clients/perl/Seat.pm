# What the range hands a client, over LWP: addresses, paths, credentials, dice and a clock that ends in time.
package Seat;
use strict;
use warnings;
use JSON::PP;
use LWP::UserAgent;
use Time::HiRes qw(sleep time);

my @AGENTS = (
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:127.0) Gecko/20100101 Firefox/127.0',
  'Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0',
);
my @APPS = ('okhttp/4.11.0', 'Kaufhaus/4.2.0 (Android 13; SM-G991B)', 'Market/318 CFNetwork/1410.1 Darwin/22.6.0');

sub new {
  my ($class, %options) = @_;
  srand($ENV{RANGE_SEED} // 1);
  my $self = bless {
    url => $ENV{RANGE_URL}, api => decode_json($ENV{RANGE_API}), key => $ENV{RANGE_API_KEY},
    forms => { map { $_ => 1 } split /\+/, $ENV{RANGE_FORM} // 'plain' },
    ends => time + ($ENV{RANGE_SECONDS} // 60) - 1, left => $options{most} // 600, statuses => {},
  }, $class;
  # These drivers are for the range's own mock API only.
  die "not an address of the range: $self->{url}\n" unless $self->{url} =~ m{^https://([a-z0-9-]+\.range\.test|localhost)(:\d+)?$};
  $self->{ua} = LWP::UserAgent->new(
    timeout => 15, keep_alive => $options{keep_alive} // chance(0.5) ? 4 : 0, max_redirect => 0,
    ssl_opts => { SSL_ca_file => $ENV{RANGE_CA}, verify_hostname => 1 },
  );
  $self->{gap} = logs(0.005, 0.5);
  return $self;
}

sub chance { return rand() < $_[0] }
sub real { my ($low, $high) = @_; return $low + rand() * ($high - $low) }
sub int_ { my ($low, $high) = @_; return $low + int(rand($high - $low + 1)) }
sub logs { my ($low, $high) = @_; return $low * ($high / $low)**rand() }
sub pick { return $_[ int(rand(@_)) ] }
sub hex_ { return join '', map { sprintf '%x', int(rand(16)) } 1 .. $_[0] }
sub shuffle { return map { $_->[1] } sort { $a->[0] <=> $b->[0] } map { [ rand(), $_ ] } @_ }

sub lines {
  open my $file, '<', $ENV{ $_[0] } or return ();
  chomp(my @lines = <$file>);
  return @lines;
}

sub at {
  my ($self, $name, $id) = @_;
  my $path = $self->{api}{$name} // die "no path $name\n";
  $path =~ s/\{\}/$id/ if defined $id;
  return $path;
}

sub is_over { my $self = shift; return $self->{left} <= 0 || time >= $self->{ends} }

sub pause {
  my ($self, $seconds) = @_;
  my $most = $self->{ends} - time;
  $seconds = $most if $seconds > $most;
  sleep($seconds) if $seconds > 0;
}

# Puts on what the form says: whose headers, what pace, which credential.
sub dress {
  my $self = shift;
  my $forms = $self->{forms};
  if ($forms->{browser}) {
    $self->{ua}->agent(pick(@AGENTS));
    $self->{ua}->default_header('Accept' => 'application/json, text/plain, */*', 'Accept-Language' => 'en-US,en;q=0.9',
      chance(0.5) ? ('Referer' => "$self->{url}/", 'Origin' => $self->{url}) : ());
  } elsif ($forms->{mobile}) {
    $self->{ua}->agent(pick(@APPS));
    $self->{ua}->default_header('Accept' => 'application/json', 'X-App-Version' => '4.' . int_(0, 9));
  }
  $self->{pacing} = $forms->{jitter} ? 'jitter' : $forms->{pauses} ? 'pauses' : 'even';
  $self->{block} = int_(6, 30);
  $self->login($ENV{RANGE_EMAIL}, $ENV{RANGE_PASSWORD}) if $forms->{account};
  $self->{token} = $self->{key} if $forms->{key};
}

sub wait_a_bit {
  my $self = shift;
  my $pacing = $self->{pacing} // 'even';
  return $self->pause(logs(0.25, 2.5)) if $pacing eq 'jitter';
  return $self->pause($self->{gap} * real(0.8, 1.2)) if $pacing eq 'even' || $self->{left} % $self->{block};
  $self->pause(real(3, 12));
}

# One call; the answer is {status, data}. `as` undef keeps the own token, '' goes without.
sub call {
  my ($self, $method, $path, $body, $as, %headers) = @_;
  $self->{left}--;
  my $request = HTTP::Request->new($method, "$self->{url}$path");
  if (defined $body) {
    my $is_form = !ref $body;
    $request->header('Content-Type' => $is_form ? 'application/x-www-form-urlencoded' : 'application/json');
    $request->content($is_form ? $body : encode_json($body));
  }
  my $token = $as // $self->{token} // '';
  $request->header(Authorization => "Bearer $token") if $token ne '';
  $request->header(%headers) if %headers;
  my $answer = $self->{ua}->request($request);
  my $status = ($answer->header('Client-Warning') // '') eq 'Internal response' ? 0 : $answer->code;
  $self->{statuses}{$status}++;
  my $data = eval { decode_json($answer->content) };
  return { status => $status, data => ref $data eq 'HASH' ? $data : {}, after => scalar $answer->header('Retry-After') };
}

# As `call`, but waits where it is told to, a few times.
sub insist {
  my ($self, @call) = @_;
  my $answer;
  for my $try (1 .. 4) {
    $answer = $self->call(@call);
    return $answer unless $answer->{status} == 429 || $answer->{status} == 503 || $answer->{status} == 0;
    last if $self->is_over;
    $self->pause($answer->{after} || $try);
  }
  return $answer;
}

sub login {
  my ($self, $email, $password) = @_;
  my $answer = $self->call('POST', $self->at('login'), { email => $email, password => $password }, '');
  $self->{token} = $answer->{data}{token} if $answer->{status} == 200;
  return $answer;
}

sub tell { my $self = shift; print join(' ', map { "$_:$self->{statuses}{$_}" } sort keys %{ $self->{statuses} }), "\n" }

1;
