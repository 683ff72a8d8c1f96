#include "vault/probe/claims.h"

#include <algorithm>

#include "vault/base/floats.h"
#include "vault/base/text_cursor.h"
#include "vault/ledger/genesis.h"

namespace facekeep::probe {
namespace {

constexpr std::size_t kMaxProbeBytes = ledger::kMaxDimension * sizeof(float);
constexpr std::size_t kMaxProbeText = (kMaxProbeBytes + 2) / 3 * 4;
constexpr std::size_t kNonceText = 22;
constexpr std::size_t kTimeText = 24;

std::string slug(TextCursor& c) {
  const std::string_view t = c.text(ledger::kMaxSlug);
  if (!ledger::is_slug(t)) c.fail();
  return std::string(t);
}

void nonce(TextCursor& c, Id128& out) {
  const auto bytes = from_base64url(c.text(kNonceText));
  if (!bytes || bytes->size() != out.size()) return c.fail();
  std::copy(bytes->begin(), bytes->end(), out.begin());
}

void values(TextCursor& c, std::vector<float>& out) {
  const auto bytes = secret_from_base64(c.text(kMaxProbeText));
  if (!bytes || bytes->empty() || bytes->size() % sizeof(float) != 0 || bytes->size() > kMaxProbeBytes) return c.fail();
  out.reserve(bytes->size() / sizeof(float));
  append_floats(bytes->view(), out);
}

void time(TextCursor& c, std::optional<UnixMillis>& out) {
  const auto t = parse_time(c.text(kTimeText));
  if (!t) return c.fail();
  out = *t;
}

}  // namespace

Claims::~Claims() {
  cleanse({reinterpret_cast<std::uint8_t*>(probe.data()), probe.size() * sizeof(float)});
}

Result<Claims> read_claims(ByteView payload) {
  TextCursor c(as_chars(payload));
  Claims out;
  c.expect("{\"");
  const bool has_door = c.maybe("door\":\"");
  if (has_door) {
    out.door = slug(c);
    c.expect(",\"");
  }
  c.expect("model\":\"");
  out.model = slug(c);
  c.expect(",\"nonce\":\"");
  nonce(c, out.nonce);
  c.expect(",\"pad\":");
  out.pad = static_cast<std::uint32_t>(c.number(ledger::kMaxPadLevel));
  c.expect(",\"probe\":\"");
  values(c, out.probe);
  c.expect(",\"site\":\"");
  out.site = slug(c);
  if (c.maybe(",\"time\":\"")) time(c, out.time);
  c.expect(",\"use\":\"");
  out.use = c.text(8);
  c.expect(",\"vault\":\"");
  out.vault = c.hex<16>();
  c.expect("}");
  const bool asks = out.use == "verify" || out.use == "identify";
  if (c.at_end() && (asks || out.use == "enrol") && asks == has_door) return out;
  return make_problem(Errc::kMalformed, "bad-jws", "the signed payload is not that of a probe in canonical JSON",
                      "its members are in the API's description: sorted by name, no white space, none beside them");
}

SecretBytes write_claims(const Claims& claims) {
  std::string head = "{";
  if (!claims.door.empty()) head += "\"door\":\"" + claims.door + "\",";
  head += "\"model\":\"" + claims.model + "\",\"nonce\":\"" + to_base64url(claims.nonce) +
          "\",\"pad\":" + std::to_string(claims.pad) + ",\"probe\":\"";
  std::string tail = "\",\"site\":\"" + claims.site + "\"";
  if (claims.time) tail += ",\"time\":\"" + format_time(*claims.time) + "\"";
  tail += ",\"use\":\"" + claims.use + "\",\"vault\":\"" + to_hex(claims.vault) + "\"}";
  const SecretBytes probe = secret_to_base64(bytes_of_floats(claims.probe).view());
  return secret_concat({as_bytes(head), probe.view(), as_bytes(tail)});
}

}  // namespace facekeep::probe
