#include "hsm/anchor.h"

#include <algorithm>
#include <array>

#include "hsm/keys.h"
#include "vault/base/digest.h"
#include "vault/base/newer.h"

namespace facekeep::hsm {
namespace {

constexpr std::uint8_t kMagic[] = {'F', 'K', 'A', '1'};
constexpr std::size_t kChecked = 52;

std::string label_of(const Id128& vault, int slot) {
  return object_prefix(vault) + (slot == 0 ? "anchor-a" : "anchor-b");
}

struct Stored {
  int slot;
  ck_object_handle_t object;
  std::optional<Anchor> anchor;  // nothing: not valid
};

Result<std::vector<Stored>> stored_anchors(Session& s, const Id128& vault) {
  std::vector<Stored> out;
  for (const int slot : {0, 1}) {
    FK_TRY(const auto objects, find_labelled(s, CKO_DATA, label_of(vault, slot)));
    for (const auto object : objects) {
      FK_TRY(const Bytes value, s.calls.attribute(s.handle, object, CKA_VALUE));
      auto anchor = parse_anchor(vault, value);
      // A newer program's counts, and is not written over.
      if (!anchor && is_newer(anchor.error())) return std::move(anchor).error();
      out.push_back({slot, object, anchor ? std::optional(*anchor) : std::nullopt});
    }
  }
  return out;
}

// The newest valid one, null if nothing is stored.
Result<const Stored*> newest(const std::vector<Stored>& stored) {
  const Stored* best = nullptr;
  for (const Stored& one : stored) {
    if (!one.anchor) continue;
    if (best != nullptr && best->anchor->size == one.anchor->size && best->anchor->root != one.anchor->root) {
      return make_error(Errc::kIntegrity, "the token has two anchors of one log size with different roots",
                        "the log was forked, or someone wrote into the token; compare with an auditor's checkpoint");
    }
    const auto age = [](const Anchor& a) { return std::pair(a.size, a.time); };
    if (best == nullptr || age(*one.anchor) > age(*best->anchor)) best = &one;
  }
  if (best == nullptr && !stored.empty()) {
    return make_error(Errc::kIntegrity, "the token's anchor is damaged",
                      "compare the log with an auditor's or a client's checkpoint before trusting it");
  }
  return best;
}

Status create(Session& s, const Id128& vault, int slot, const Anchor& anchor) {
  Attributes a;
  a.add(CKA_CLASS, CKO_DATA).add_flag(CKA_TOKEN, true).add_flag(CKA_PRIVATE, true);
  a.add_text(CKA_APPLICATION, "facekeep").add_text(CKA_LABEL, label_of(vault, slot));
  const Bytes value = format_anchor(vault, anchor);
  a.add_bytes(CKA_VALUE, value);
  FK_TRY(const auto made, s.calls.create_object(s.handle, a));
  // Read back before any other goes: SoftHSM says that it has an object for which its disk had no room.
  const auto kept = s.calls.attribute(s.handle, made, CKA_VALUE);
  if (kept && *kept == value) return {};
  return make_error(Errc::kHsm, "the token took a new anchor and does not have it",
                    "if the token is files, make room on their disk");
}

Status replace(Session& s, const Id128& vault, const Anchor& anchor) {
  FK_TRY(const auto stored, stored_anchors(s, vault));
  FK_TRY(const Stored* last, newest(stored));
  if (last != nullptr &&
      (anchor.size < last->anchor->size || (anchor.size == last->anchor->size && anchor.root != last->anchor->root))) {
    return make_error(Errc::kFailedPrecondition,
                      "the token's anchor is at " + std::to_string(last->anchor->size) +
                          " entries and does not go back to " + std::to_string(anchor.size),
                      "the log is older than the token has seen: it was rolled back or restored");
  }
  FK_CHECK(create(s, vault, last == nullptr ? 0 : 1 - last->slot, anchor));
  // A crash here leaves the new and the old one; the new one counts, and the next write removes both.
  for (const Stored& old : stored) FK_CHECK(s.calls.destroy_object(s.handle, old.object));
  return {};
}

}  // namespace

Bytes format_anchor(const Id128& vault, const Anchor& anchor) {
  Bytes out(std::begin(kMagic), std::end(kMagic));
  append_be64(out, anchor.size);
  out.insert(out.end(), anchor.root.begin(), anchor.root.end());
  append_be64(out, static_cast<std::uint64_t>(anchor.time));
  return concat(out, sha256({vault, out}));
}

Result<Anchor> parse_anchor(const Id128& vault, ByteView value) {
  const bool ours = value.size() > 3 && std::equal(std::begin(kMagic), std::end(kMagic) - 1, value.begin());
  if (ours && value[3] > kMagic[3] && value[3] <= '9') {
    return newer_format("the token's anchor", value[3] - '0', kMagic[3] - '0');
  }
  if (value.size() != kAnchorSize || !std::equal(std::begin(kMagic), std::end(kMagic), value.begin())) {
    return make_error(Errc::kMalformed, "not an anchor");
  }
  const Digest check = sha256({vault, value.first(kChecked)});
  if (!std::equal(check.begin(), check.end(), value.begin() + kChecked)) {
    return make_error(Errc::kMalformed, "the anchor is damaged, or another vault's");
  }
  Anchor anchor;
  anchor.size = load_be64(&value[4]);
  std::copy_n(&value[12], anchor.root.size(), anchor.root.begin());
  anchor.time = static_cast<UnixMillis>(load_be64(&value[44]));
  return anchor;
}

Result<std::optional<Anchor>> read_anchor(SessionPool& pool, const Id128& vault) {
  return pool.run(Repeat::kSafe, [&](Session& s) -> Result<std::optional<Anchor>> {
    FK_TRY(const auto stored, stored_anchors(s, vault));
    FK_TRY(const Stored* last, newest(stored));
    return last == nullptr ? std::optional<Anchor>() : last->anchor;
  });
}

Status write_anchor(SessionPool& pool, const Id128& vault, const Anchor& anchor) {
  return pool.run(Repeat::kSafe, [&](Session& s) { return replace(s, vault, anchor); });
}

Status restart_anchor(SessionPool& pool, const Id128& vault, const Anchor& anchor) {
  return pool.run(Repeat::kSafe, [&](Session& s) -> Status {
    FK_TRY(const auto stored, stored_anchors(s, vault));
    const auto destroy = [&](bool forks) -> Status {
      for (const Stored& old : stored) {
        const bool same_size = old.anchor && old.anchor->size == anchor.size;
        if (same_size == forks) FK_CHECK(s.calls.destroy_object(s.handle, old.object));
      }
      return {};
    };
    // Two of one size would be a fork: that goes first, and a crash here may leave none.
    FK_CHECK(destroy(true));
    FK_CHECK(create(s, vault, 0, anchor));
    // A crash here leaves the larger one in force, and the caller does it again.
    return destroy(false);
  });
}

}  // namespace facekeep::hsm
