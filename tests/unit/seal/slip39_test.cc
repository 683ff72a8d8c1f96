#include "vault/seal/slip39.h"

#include <cstdlib>
#include <fstream>

#include "tests/unit/seal/shared_vectors.h"
#include "vault/base/digest.h"

using namespace facekeep;
using namespace facekeep::seal;

namespace {

Bytes bytes_of(const SecretBytes& s) {
  return to_bytes(s.view());
}
std::string text_of(const SecretBytes& s) {
  return std::string(as_chars(s.view()));
}

std::vector<SecretWords> pick(const std::vector<std::vector<SecretWords>>& all,
                              std::initializer_list<std::pair<int, int>> which) {
  std::vector<SecretWords> out;
  for (const auto& [g, m] : which) {
    out.push_back(all.at(static_cast<std::size_t>(g)).at(static_cast<std::size_t>(m)).clone());
  }
  return out;
}

}  // namespace

TEST_CASE("all 45 SLIP-0039 vectors") {
  const auto cases = test::shared_json("slip39.json");
  if (!cases) return;
  CHECK(cases->size() == 45);
  for (const Json& v : *cases) {
    INFO(v.at(0).get<std::string>());
    std::vector<SecretWords> shares;
    for (const Json& m : v.at(1)) {
      auto words = parse_share_text(m.get<std::string>());
      REQUIRE(words);
      shares.push_back(std::move(*words));
    }
    const auto secret = combine_shares(shares, as_bytes("TREZOR"));
    const auto expected = v.at(2).get<std::string>();
    REQUIRE(secret.has_value() == !expected.empty());
    if (secret) {
      CHECK(to_hex(secret->view()) == expected);
      for (const SecretWords& w : shares) {  // what is read is written the same
        CHECK(to_hex(encode_share(*decode_share(w))->view()) == to_hex(w.view()));
      }
    }
  }
}

TEST_CASE("every quorum of a two-level split recovers the secret, extendable or not") {
  for (const bool extendable : {true, false}) {
    const SecretBytes master = random_secret(32);
    const SplitOptions options{{{2, 3}, {1, 1}, {3, 5}}, 2, extendable, 0};
    const auto all = *split_secret(master.view(), options, as_bytes("pass"));
    REQUIRE(all.size() == 3);
    REQUIRE(all[0].size() == 3);
    REQUIRE(all[1].size() == 1);
    REQUIRE(all[2].size() == 5);
    CHECK(all[0][0].size() == 33);
    CHECK(bytes_of(*combine_shares(pick(all, {{0, 0}, {0, 2}, {1, 0}}), as_bytes("pass"))) == bytes_of(master));
    CHECK(bytes_of(*combine_shares(pick(all, {{2, 4}, {2, 1}, {2, 0}, {1, 0}}), as_bytes("pass"))) == bytes_of(master));
    CHECK(bytes_of(*combine_shares(pick(all, {{0, 1}, {2, 4}, {0, 2}, {2, 2}, {2, 3}}), as_bytes("pass"))) ==
          bytes_of(master));
    // more than needed is fine as long as it belongs together
    CHECK(bytes_of(*combine_shares(pick(all, {{0, 0}, {0, 1}, {0, 2}, {1, 0}}), as_bytes("pass"))) == bytes_of(master));
    CHECK(bytes_of(*combine_shares(pick(all, {{0, 0}, {0, 2}, {1, 0}}), as_bytes("other"))) != bytes_of(master));
  }
}

TEST_CASE("too few, repeated or mixed shares are refused") {
  const SplitOptions options{{{2, 3}, {2, 3}}, 2, true, 0};
  const auto a = *split_secret(Bytes(32, 1), options);
  const auto b = *split_secret(Bytes(32, 1), options);
  CHECK_FALSE(combine_shares({}));
  CHECK_FALSE(combine_shares(pick(a, {{0, 0}, {0, 1}})));
  CHECK_FALSE(combine_shares(pick(a, {{0, 0}, {1, 1}})));
  CHECK_FALSE(combine_shares(pick(a, {{0, 0}, {0, 1}, {1, 1}})));
  CHECK(combine_shares(pick(a, {{0, 0}, {0, 0}, {1, 1}, {1, 0}})).error().message == "the same share twice");
  auto mixed = pick(a, {{0, 0}, {0, 1}, {1, 1}});
  mixed.push_back(b[1][0].clone());
  CHECK_FALSE(combine_shares(mixed));
}

TEST_CASE("a share altered behind a right checksum is noticed by the digest") {
  const auto all = *split_secret(Bytes(32, 9), {{{2, 3}, {1, 1}}, 2, true, 0});
  Share altered = *decode_share(all[0][0]);
  altered.value.data()[5] ^= 1;
  auto set = pick(all, {{0, 1}, {1, 0}});
  set.push_back(*encode_share(altered));
  CHECK(combine_shares(set).error().code == Errc::kCrypto);
}

TEST_CASE("splits that can't be or that give one member a whole group are refused") {
  const Bytes master(32, 7);
  CHECK_FALSE(split_secret(master, {{{1, 2}, {1, 1}}, 2, true, 0}));
  CHECK_FALSE(split_secret(master, {{}, 1, true, 0}));
  CHECK_FALSE(split_secret(master, {{{2, 1}}, 1, true, 0}));
  CHECK_FALSE(split_secret(master, {{{0, 1}}, 1, true, 0}));
  CHECK_FALSE(split_secret(master, {{{2, 17}}, 1, true, 0}));
  CHECK_FALSE(split_secret(master, {{{1, 1}}, 2, true, 0}));
  CHECK_FALSE(split_secret(master, {{{1, 1}}, 0, true, 0}));
  CHECK_FALSE(split_secret(master, {{{1, 1}}, 1, true, 16}));
  CHECK_FALSE(split_secret(master, {std::vector<GroupSpec>(17, GroupSpec{1, 1}), 2, true, 0}));
  CHECK_FALSE(split_secret(Bytes(15, 7), {{{1, 1}}, 1, true, 0}));
  CHECK_FALSE(split_secret(Bytes(33, 7), {{{1, 1}}, 1, true, 0}));
  CHECK_FALSE(split_secret(Bytes(66, 7), {{{1, 1}}, 1, true, 0}));
  CHECK_FALSE(split_secret(master, {{{1, 1}}, 1, true, 0}, as_bytes("\xC3\xA9")));
  CHECK(split_secret(Bytes(16, 7), {{{1, 1}}, 1, true, 0}));
  CHECK(split_secret(Bytes(64, 7), {{{16, 16}}, 1, true, 0}));
}

TEST_CASE("a share's fields say where it belongs") {
  const auto all = *split_secret(Bytes(32, 3), {{{2, 3}, {3, 4}}, 2, false, 1});
  const ShareMeta m = decode_share(all[1][2])->meta;
  const ShareMeta first = decode_share(all[0][0])->meta;
  CHECK(m == ShareMeta{first.identifier, false, 1, 1, 2, 2, 2, 3});
  CHECK(m.identifier < 0x8000);
}

TEST_CASE("one wrong, missing, extra or exchanged word breaks the checksum") {
  const auto all = *split_secret(Bytes(32, 3), {{{2, 3}, {1, 1}}, 2, true, 0});
  const SecretWords& good = all[0][0];
  for (std::size_t i = 0; i < good.size(); ++i) {
    SecretWords bad = good.clone();
    bad.set(i, static_cast<std::uint16_t>((bad.at(i) + 1 + i) % 1024));
    const auto share = decode_share(bad);
    REQUIRE_FALSE(share);
    CHECK(share.error().code == Errc::kMalformed);
  }
  for (std::size_t i = 0; i + 1 < good.size(); ++i) {
    SecretWords bad = good.clone();
    if (bad.at(i) == bad.at(i + 1)) continue;
    bad.set(i, good.at(i + 1));
    bad.set(i + 1, good.at(i));
    CHECK_FALSE(decode_share(bad));
  }
  for (std::size_t n = 0; n < good.size(); ++n) {
    SecretWords bad = good.clone();
    bad.shrink(n);
    CHECK_FALSE(decode_share(bad));
  }
}

TEST_CASE("words, prefixes, numbers, either case and any white space read alike") {
  const auto all = *split_secret(Bytes(32, 3), {{{2, 3}, {1, 1}}, 2, true, 0});
  const std::string words = text_of(share_words_text(all[0][0]));
  const std::string numbers = text_of(share_numbers_text(all[0][0]));
  CHECK(numbers.size() == 33 * 5 - 1);
  std::string prefixes = " \t";
  std::string upper;
  std::size_t letters = 0;
  for (const char c : words) {
    letters = c == ' ' ? 0 : letters + 1;
    if (c == ' ') prefixes += " \r\n ";
    if (c != ' ' && letters <= 4) prefixes += c;
    upper += c == ' ' ? c : static_cast<char>(c - 'a' + 'A');
  }
  for (const std::string& text : {words, numbers, prefixes, upper}) {
    CHECK(to_hex(parse_share_text(text)->view()) == to_hex(all[0][0].view()));
  }
  CHECK(parse_share_text("1 0002 academic ZERO")->size() == 4);
  CHECK(parse_share_text("1 0002 academic ZERO 1024")->at(4) == 1023);
  CHECK(parse_share_text("0001")->at(0) == 0);
}

TEST_CASE("a bad word is named by its position, never by itself") {
  const auto message = [](std::string_view text) { return parse_share_text(text).error().message; };
  CHECK(message("academic acid xyzzyq") == "word 3 is not in the word list");
  CHECK(message("academic aci") == "word 2 is ambiguous: it has fewer than four letters");
  CHECK(message("academicx") == "word 1 is not in the word list");
  CHECK(message("acad?") == "word 1 is not in the word list");
  CHECK(message("0000") == "word 1 is not a word number");
  CHECK(message("academic 1025") == "word 2 is not a word number");
  CHECK(message("00001") == "word 1 is not a word number");
  CHECK(message("12ab") == "word 1 is not a word number");
  CHECK_FALSE(parse_share_text(""));
  CHECK_FALSE(parse_share_text(" \n "));
  CHECK_FALSE(
      parse_share_text("acid\xC2\xA0"
                       "acne"));
  CHECK_FALSE(parse_share_text(std::string(5000, ' ')));
  std::string many;
  for (int i = 0; i < 65; ++i) many += "acid ";
  CHECK(parse_share_text(many).error().code == Errc::kTooLarge);
}

TEST_CASE("every word is found by itself and by four letters") {
  for (std::uint16_t i = 0; i < kWordListSize; ++i) {
    const std::string word(slip39_word(i));
    REQUIRE(parse_share_text(word)->at(0) == i);
    REQUIRE(parse_share_text(word.substr(0, 4))->at(0) == i);
  }
}

TEST_CASE("random text is read or refused, never more") {
  for (int round = 0; round < 2000; ++round) {
    const auto raw = random_array<96>();
    (void)parse_share_text(as_chars(raw)).has_value();
    SecretWords words(20 + raw[0] % 45);
    for (std::size_t i = 0; i < words.size(); ++i)
      words.set(i, static_cast<std::uint16_t>(raw[i] * 4 + raw[i + 1] % 4));
    CHECK_FALSE(decode_share(words));  // passes once in 2^30
  }
}

TEST_CASE("the commitment is over domain and word indices") {
  SecretWords words(2);
  words.set(0, 1);
  words.set(1, 1023);
  CHECK(share_commitment(words) == sha256(to_bytes(std::string_view("facekeep/share/v1\0\0\1\3\xff", 22))));
}

// Run by tests/interop/slip39_test.sh, which gives the file: shares for other software to recover.
TEST_CASE("emit shares for other software", "[.][emit]") {
  const char* path = std::getenv("FACEKEEP_EMIT_SHARES");
  REQUIRE(path != nullptr);
  Json out = Json::array();
  const std::vector<SplitOptions> splits = {{{{1, 1}}, 1, false, 0},
                                            {{{2, 3}}, 1, false, 1},
                                            {{{1, 1}, {1, 1}}, 2, false, 0},
                                            {{{2, 3}, {2, 3}}, 2, false, 0},
                                            {{{3, 5}, {2, 2}, {1, 1}}, 2, false, 2}};
  for (const SplitOptions& split : splits) {
    for (const std::size_t size : {16U, 32U}) {
      for (const char* passphrase : {"", "TREZOR"}) {
        const SecretBytes master = random_secret(size);
        const auto groups = *split_secret(master.view(), split, as_bytes(passphrase));
        Json shares = Json::array();
        for (std::size_t g = groups.size() - split.group_threshold; g < groups.size(); ++g) {
          const std::size_t n = groups[g].size();
          for (std::size_t m = n - split.groups[g].threshold; m < n; ++m) {
            shares.push_back(text_of(share_words_text(groups[g][m])));
          }
        }
        out.push_back({{"shares", shares}, {"passphrase", passphrase}, {"master", to_hex(master.view())}});
      }
    }
  }
  std::ofstream(path) << out.dump();
}
