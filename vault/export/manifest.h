// The manifest of an export: what was exported, why, to whom, and the digests of its parts. Canonical JSON; its SHA-256
// is in the log before the first byte leaves, which is how the vault signs it. Format: vault/export/FORMAT.md.
//
// Pure, total, thread safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/export/cms_stream.h"

namespace facekeep::exporter {

struct ManifestRecipient {
  Digest spki{};
  std::string key;  // "RSA-3072"
};

struct Manifest {
  Id128 vault{};
  Id128 proposal{};
  std::string site;                   // slug
  std::string purpose;                // slug
  std::string basis;                  // "consent", "change-of-processor", "legal-order"
  std::optional<Digest> legal_order;  // SHA-256 of the order; there if and only if that is the basis
  std::vector<ManifestRecipient> recipients;
  std::vector<SealedSize> parts;
  std::uint64_t subjects = 0;
  std::uint64_t templates = 0;
  std::uint64_t damaged = 0;  // people left out because what is stored of them does not open
};

inline constexpr std::size_t kMaxManifest = std::size_t{1} << 17;  // bytes
inline constexpr std::string_view kManifestName = "manifest.json";

// "part-0001.cms", from 1.
std::string part_name(std::size_t number);

// kInvalidArgument for what parse_manifest would not take.
Result<std::string> encode_manifest(const Manifest& manifest);
// Refuses everything that encode_manifest could not have written: kMalformed, kTooLarge.
Result<Manifest> parse_manifest(std::string_view text);

}  // namespace facekeep::exporter
