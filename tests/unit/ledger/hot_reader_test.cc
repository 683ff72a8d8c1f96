// The fast reader of frequent events reads what the strict one reads, and never anything else.
#include "vault/ledger/hot_reader.h"

#include <random>

#include "tests/support/catch.h"

using namespace facekeep;
using namespace facekeep::ledger;

namespace {

class Draw {
 public:
  explicit Draw(std::uint32_t seed) : random_(seed) {}
  std::size_t below(std::size_t n) { return random_() % n; }
  bool coin() { return below(2) == 0; }
  std::string slug() {
    static constexpr std::string_view kAll = "abcdefghijklmnopqrstuvwxyz0123456789-";
    std::string out(1, static_cast<char>('a' + below(26)));
    for (std::size_t n = below(8) == 0 ? kMaxSlug - 1 : below(12); n > 0; --n) out += kAll[below(kAll.size())];
    return out;
  }
  template <std::size_t N>
  std::array<std::uint8_t, N> bytes() {
    std::array<std::uint8_t, N> out{};
    for (auto& b : out) b = static_cast<std::uint8_t>(random_());
    return out;
  }
  std::string by() {
    static const std::string kOdd[] = {"", "a\"b", "a\\b", "\xe4\xbf\x9d", std::string("\x7f"), "a\nb", "a/1 2"};
    return below(6) == 0 ? kOdd[below(std::size(kOdd))] : "door/" + std::to_string(below(10000));
  }
  Event event() {
    Event e;
    e.time = static_cast<UnixMillis>(random_()) * 59'000;
    e.uptime_ms = below(4) == 0 ? 9007199254740991 - below(2) : below(5) == 0 ? 0 : random_();
    switch (below(6)) {
      case 0: e.body = match(); break;
      case 1: e.body = read(); break;
      case 2: e.body = Enrolled{bytes<16>(), slug(), by(), number(), bytes<32>(), bytes<32>(), day()}; break;
      case 3:
        e.body = TemplateAdded{bytes<16>(), slug(),  by(), bytes<16>(), slug(), 1 + number() % 1000000,
                               bytes<32>(), camera()};
        break;
      case 4: e.body = Suspended{bytes<16>(), slug(), by(), "over-allowance", e.time + 1000 * number()}; break;
      default: e.body = Erased{bytes<16>(), slug(), by(), coin() ? "operator" : "delay-over", horizon()};
    }
    return e;
  }
  Match match() {
    static const std::string kDecisions[] = {"match", "no_match", "refer"};
    Match m{coin(), slug(), slug(), slug(), by(), kDecisions[below(3)], {}, {}, camera()};
    if (coin()) m.subject = bytes<16>();
    if (coin()) m.request = RequestMark{bytes<32>(), bytes<32>()};
    if (coin()) m.over = static_cast<Over>(below(3));
    if (coin()) m.repeat = std::string(repeat_kinds()[below(3)]);
    return m;
  }
  std::optional<Horizon> horizon() {
    if (coin()) return std::nullopt;
    Horizon h{1 + number() % 1000000, coin(), {}};
    if (coin()) h.by = day();
    return h;
  }
  std::optional<SignedBy> camera() {
    if (coin()) return std::nullopt;
    return SignedBy{by(), static_cast<std::uint32_t>(below(4)), bytes<16>()};
  }
  MetadataRead read() {
    static const std::string kWhat[] = {"list", "subject", "changes", "export"};
    MetadataRead r{slug(), by(), kWhat[below(4)], {}};
    if (coin()) r.subject = bytes<16>();
    return r;
  }
  std::uint32_t number() {
    return below(3) == 0 ? static_cast<std::uint32_t>(below(3)) : static_cast<std::uint32_t>(random_());
  }
  std::string day() { return format_day(static_cast<UnixMillis>(random_()) * 59'000); }
  // One small change of a text.
  std::string changed(std::string text) {
    static constexpr std::string_view kBytes = "\"\\{}:,0129afvz- \n\x80\x7f";
    const std::size_t at = below(text.size());
    switch (below(4)) {
      case 0: text[at] = kBytes[below(kBytes.size())]; break;
      case 1: text.erase(at, 1 + below(3)); break;
      case 2: text.insert(at, 1, kBytes[below(kBytes.size())]); break;
      default: {
        const std::size_t other = below(text.size());
        text.insert(at, text.substr(other, below(20)));
      }
    }
    return text;
  }

 private:
  std::mt19937 random_;
};

// As text, so that every field counts.
std::string written(const Event& e) {
  return encode_event(e).value();
}

}  // namespace

TEST_CASE("what the vault writes of accesses and subjects is read fast, as the strict reader reads it") {
  Draw draw(20261122);
  int fast = 0;
  for (int i = 0; i < 3000; ++i) {
    const std::string text = written(draw.event());
    const auto quick = read_hot_event(text);
    const auto strict = decode_event_strictly(text);
    INFO(text);
    REQUIRE(strict);
    CHECK(written(*strict) == text);
    if (quick) {
      ++fast;
      CHECK(written(*quick) == text);
    }
  }
  CHECK(fast > 2000);  // all but the odd names
}

TEST_CASE("the fast reader takes no text that the strict one refuses, and reads none otherwise") {
  Draw draw(7);
  int taken = 0;
  for (int i = 0; i < 40000; ++i) {
    const std::string text = draw.changed(written(draw.event()));
    const auto quick = read_hot_event(text);
    if (!quick) continue;
    ++taken;
    const auto strict = decode_event_strictly(text);
    INFO(text);
    REQUIRE(strict);
    CHECK(written(*strict) == written(*quick));
    CHECK(written(*quick) == text);
  }
  CHECK(taken > 100);  // some changes leave an event, in a digit or a name
}

TEST_CASE("near misses of an access event are refused by both readers") {
  const std::string good =
      written(Event{1795305600000, 121000,
                    Match{false, "gate", "north", "arc", "door/1", "match", Id128{1}, RequestMark{{2}, {3}},
                          SignedBy{"camera/1", 2, {4}}, Over::kDoor, "near"}});
  REQUIRE(read_hot_event(good));
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"\"v\":1}", "\"v\":2}"},
                                                        {"\"v\":1}", "\"v\":1} "},
                                                        {"\"v\":1}", "\"v\":1}}"},
                                                        {"121000", "0121000"},
                                                        {"121000", "9007199254740992"},
                                                        {"121000", "99999999999999999999"},
                                                        {"121000", ""},
                                                        {"121000", "-1"},
                                                        {"\"match\",\"uptime", "\"metadata-read\",\"uptime"},
                                                        {"\"class\":\"access\"", "\"class\":\"custody\""},
                                                        {"verify", "Verify"},
                                                        {"no", "No"},
                                                        {"gate", "Gate"},
                                                        {"gate", ""},
                                                        {"2026-11-22T", "2026-11-31T"},
                                                        {"00.000Z", "60.000Z"},
                                                        {"door/1", std::string(73, 'a')},
                                                        {"\"door\":\"north\",", ""},
                                                        {"\"camera\":\"camera/1\",", ""},
                                                        {"camera/1", std::string(73, 'c')},
                                                        {"\"nonce\":\"04", "\"nonce\":\"4"},
                                                        {"\"pad\":2", "\"pad\":4"},
                                                        {"\"pad\":2", "\"pad\":02"},
                                                        {"\"pad\":2,", ""},
                                                        {"\"over\":\"door\"", "\"over\":\"Door\""},
                                                        {"\"over\":\"door\",\"pad\":2", "\"pad\":2,\"over\":\"door\""},
                                                        {"\"near\"", "\"far\""},
                                                        {"\"id\":\"02", "\"id\":\"0G"},
                                                        {"\"subject\":\"01", "\"subject\":\"1"}}) {
    const std::string text = with(from, to);
    INFO(text);
    CHECK_FALSE(read_hot_event(text));
    CHECK_FALSE(decode_event(text));
  }
}
