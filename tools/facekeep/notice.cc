#include "tools/facekeep/notice.h"

#include "tools/facekeep/context.h"
#include "vault/base/json.h"
#include "vault/log/checkpoint.h"

namespace facekeep::tools {
namespace {

constexpr std::size_t kMaxText = 4096;

Error bad(std::string_view field) {
  return say_error(Errc::kMalformed, "bad-notice", Msg::kCliBadNotice, Msg::kCliBadNoticeHint, {field});
}

Result<std::string> text(const Json& notice, const char* field) {
  const auto at = notice.find(field);
  if (at == notice.end() || !at->is_string()) return bad(field);
  auto out = at->get<std::string>();
  if (out.empty() || out.size() > kMaxText) return bad(field);
  return out;
}

Result<std::string> url(const Json& notice, const char* field) {
  auto out = text(notice, field);
  if (out && out->rfind("https://", 0) != 0) return bad(field);
  return out;
}

Result<Digest> digest(const Json& object, const char* field) {
  FK_TRY(const std::string hex, text(object, field));
  const auto out = from_hex_exact<32>(hex);
  if (!out) return bad(field);
  return *out;
}

Result<NoticeCard> card(const Json& json) {
  if (!json.is_object()) return bad("shares");
  NoticeCard out;
  FK_TRY(out.group, text(json, "group"));
  FK_TRY(out.commitment, digest(json, "commitment"));
  const auto number = json.find("number");
  if (number == json.end() || !number->is_number_unsigned() || *number < 1 || *number > 16) return bad("shares");
  out.number = number->get<std::uint32_t>();
  return out;
}

}  // namespace

Result<Notice> parse_notice(std::string_view json_text) {
  const auto json = parse_json(json_text);
  if (!json || !json->is_object()) return bad("{}");
  Notice n;
  FK_TRY(const std::string vault, text(*json, "vault"));
  const auto id = from_hex_exact<16>(vault);
  if (!id) return bad("vault");
  n.vault = *id;
  FK_TRY(n.name, text(*json, "name"));
  FK_TRY(n.origin, text(*json, "origin"));
  FK_TRY(const std::string vkey, text(*json, "vkey"));
  auto key = log::parse_vkey(vkey);
  if (!key) return bad("vkey");
  n.log_key = std::move(*key);
  // A checkpoint's origin is its key's name, so a notice that says two is wrong in one of them.
  if (n.log_key.name != n.origin) return bad("origin");
  FK_TRY(n.api, url(*json, "api"));
  FK_TRY(n.public_url, url(*json, "public"));
  FK_TRY(const Digest pinned, digest(*json, "server_key"));
  n.server_pins.push_back(pinned);
  if (const auto next = json->find("next_server_key"); next != json->end() && !next->is_null()) {
    FK_TRY(const Digest planned, digest(*json, "next_server_key"));
    n.server_pins.push_back(planned);
  }
  const auto rehearsal = json->find("rehearsal");
  if (rehearsal == json->end() || !rehearsal->is_boolean()) return bad("rehearsal");
  n.rehearsal = rehearsal->get<bool>();
  if (json->contains("checkpoint")) {
    auto checkpoint = text(*json, "checkpoint");
    if (!checkpoint) return std::move(checkpoint).error();
    if (!log::open_checkpoint(*checkpoint, n.log_key)) return bad("checkpoint");
    n.checkpoint.swap(*checkpoint);
  }
  if (const auto cards = json->find("shares"); cards != json->end()) {
    if (!cards->is_array()) return bad("shares");
    for (const Json& c : *cards) {
      FK_TRY(NoticeCard parsed, card(c));
      n.cards.push_back(std::move(parsed));
    }
  }
  static_cast<void>(n.keys());  // before the first copy
  return n;
}

}  // namespace facekeep::tools
