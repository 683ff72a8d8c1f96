#include "vault/ledger/hot_reader.h"

#include <algorithm>
#include <cstdint>
#include <initializer_list>

#include "vault/base/text_cursor.h"

namespace facekeep::ledger {
namespace {

constexpr std::uint64_t kMaxUptime = 9007199254740991;  // 2^53 - 1
constexpr std::size_t kTimeSize = 24;
constexpr std::size_t kMaxPrincipalId = kMaxSlug + 8;
constexpr std::uint32_t kMaxModelVersion = 1000000;

std::string slug(TextCursor& c) {
  const std::string_view t = c.text(kMaxSlug);
  if (!is_slug(t)) c.fail();
  return std::string(t);
}

std::string one_of(TextCursor& c, std::initializer_list<std::string_view> allowed) {
  const std::string_view t = c.text(64);
  if (std::find(allowed.begin(), allowed.end(), t) == allowed.end()) c.fail();
  return std::string(t);
}

UnixMillis time(TextCursor& c) {
  const auto wall = parse_time(c.text(kTimeSize));
  if (!wall) c.fail();
  return wall ? *wall : 0;
}

// The fields of SignedBy stand apart, in the order of their names: the camera first, and then the others or neither.
void camera(TextCursor& c, std::optional<SignedBy>& out) {
  if (c.maybe(",\"camera\":\"")) out = SignedBy{std::string(c.text(kMaxPrincipalId)), 0, {}};
}
void camera_nonce(TextCursor& c, std::optional<SignedBy>& out) {
  if (!out) return;
  c.expect(",\"nonce\":\"");
  out->nonce = c.hex<16>();
}
void camera_pad(TextCursor& c, std::optional<SignedBy>& out) {
  if (!out) return;
  c.expect(",\"pad\":");
  out->pad = static_cast<std::uint32_t>(c.number(kMaxPadLevel));
}

// Each of these begins behind the first field's value, which told the types apart; fields come in the order of RFC
// 8785.

Match match_body(TextCursor& c, std::string by) {
  Match e;
  e.by = std::move(by);
  e.identify = one_of(c, {"verify", "identify"}) == "identify";
  camera(c, e.camera);
  c.expect(",\"decision\":\"");
  e.decision = one_of(c, {"match", "no_match", "refer"});
  c.expect(",\"door\":\"");
  e.door = slug(c);
  c.expect(",\"model\":\"");
  e.model = slug(c);
  camera_nonce(c, e.camera);
  if (c.maybe(",\"over\":\"")) e.over = parse_over(one_of(c, {"door", "camera", "subject"}));
  camera_pad(c, e.camera);
  if (c.maybe(",\"repeat\":\"")) e.repeat = one_of(c, {"exact", "near", "chain"});
  if (c.maybe(",\"request\":{\"body\":\"")) {
    RequestMark mark;
    mark.body = c.hex<32>();
    c.expect(",\"id\":\"");
    mark.id = c.hex<32>();
    c.expect("}");
    e.request = mark;
  }
  c.expect(",\"site\":\"");
  e.site = slug(c);
  if (c.maybe(",\"subject\":\"")) e.subject = c.hex<16>();
  return e;
}

MetadataRead read_body(TextCursor& c, std::string by) {
  MetadataRead e;
  e.by = std::move(by);
  e.site = slug(c);
  if (c.maybe(",\"subject\":\"")) e.subject = c.hex<16>();
  c.expect(",\"what\":\"");
  e.what = one_of(c, {"list", "subject", "changes", "export"});
  return e;
}

Enrolled enrolled_body(TextCursor& c, std::string by) {
  Enrolled e;
  e.by = std::move(by);
  e.consent = c.hex<32>();
  c.expect(",\"record\":\"");
  e.record = c.hex<32>();
  c.expect(",\"ref\":\"");
  e.ref = c.hex<16>();
  c.expect(",\"site\":\"");
  e.site = slug(c);
  c.expect(",\"slot\":");
  e.slot = static_cast<std::uint32_t>(c.number(UINT32_MAX));
  c.expect(",\"until\":\"");
  e.until = c.text(10);
  if (!parse_day(e.until)) c.fail();
  return e;
}

TemplateAdded template_body(TextCursor& c) {
  TemplateAdded e;
  e.blob = c.hex<32>();
  c.expect(",\"by\":\"");
  e.by = c.text(kMaxPrincipalId);
  camera(c, e.camera);
  c.expect(",\"model\":\"");
  e.model = slug(c);
  c.expect(",\"model_version\":");
  e.model_version = static_cast<std::uint32_t>(c.number(kMaxModelVersion));
  if (e.model_version == 0) c.fail();
  camera_nonce(c, e.camera);
  camera_pad(c, e.camera);
  c.expect(",\"ref\":\"");
  e.ref = c.hex<16>();
  c.expect(",\"site\":\"");
  e.site = slug(c);
  c.expect(",\"template\":\"");
  e.template_id = c.hex<16>();
  return e;
}

Suspended suspended_body(TextCursor& c, std::string by) {
  Suspended e;
  e.by = std::move(by);
  e.due = time(c);
  c.expect(",\"reason\":\"");
  e.reason = one_of(c, {"over-allowance"});
  c.expect(",\"ref\":\"");
  e.ref = c.hex<16>();
  c.expect(",\"site\":\"");
  e.site = slug(c);
  return e;
}

Horizon horizon(TextCursor& c) {
  Horizon h;
  if (c.maybe("\"by\":\"")) {
    h.by = std::string(c.text(10));
    if (!parse_day(*h.by)) c.fail();
    c.expect(",");
  }
  c.expect("\"epoch\":");
  h.epoch = static_cast<std::uint32_t>(c.number(kMaxHorizonEpoch));
  if (h.epoch == 0) c.fail();
  h.spare = c.maybe(",\"spare\":true}");
  if (!h.spare) c.expect(",\"spare\":false}");
  return h;
}

Erased erased_body(TextCursor& c, std::string by, std::optional<Horizon> horizon) {
  Erased e;
  e.by = std::move(by);
  e.horizon = std::move(horizon);
  e.reason = one_of(c, {"operator", "delay-over"});
  c.expect(",\"ref\":\"");
  e.ref = c.hex<16>();
  c.expect(",\"site\":\"");
  e.site = slug(c);
  return e;
}

Body body(TextCursor& c) {
  if (c.maybe("{\"blob\":\"")) return template_body(c);
  c.expect("{\"by\":\"");
  std::string by(c.text(kMaxPrincipalId));
  if (c.maybe(",\"call\":\"")) return match_body(c, std::move(by));
  if (c.maybe(",\"consent\":\"")) return enrolled_body(c, std::move(by));
  if (c.maybe(",\"due\":\"")) return suspended_body(c, std::move(by));
  if (c.maybe(",\"reason\":\"")) return erased_body(c, std::move(by), std::nullopt);
  if (c.maybe(",\"horizon\":{")) {
    Horizon h = horizon(c);
    c.expect(",\"reason\":\"");
    return erased_body(c, std::move(by), std::move(h));
  }
  c.expect(",\"site\":\"");
  return read_body(c, std::move(by));
}

}  // namespace

std::optional<Event> read_hot_event(std::string_view canonical) {
  TextCursor c(canonical);
  Event e;
  c.expect("{\"body\":");
  e.body = body(c);
  if (!c.ok()) return std::nullopt;
  c.expect("},\"class\":\"");
  c.expect(to_string(class_of(e.body)));
  c.expect("\",\"time\":\"");
  e.time = time(c);
  c.expect(",\"type\":\"");
  c.expect(type_of(e.body));
  c.expect("\",\"uptime_ms\":");
  e.uptime_ms = c.number(kMaxUptime);
  c.expect(",\"v\":1}");
  return c.at_end() ? std::optional(std::move(e)) : std::nullopt;
}

}  // namespace facekeep::ledger
