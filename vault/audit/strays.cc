#include "vault/audit/strays.h"

#include <algorithm>

namespace facekeep::audit {
namespace {

using log::kTileWidth;

class Strays {
 public:
  Strays(const LogFiles& files, std::uint64_t size, TileChain* chain, Findings& findings)
      : files_(files), size_(size), chain_(chain), findings_(findings) {}

  Status look_at(const std::string& path) {
    if (const auto id = log::parse_tile_path(path)) {
      const unsigned width = id->level < log::kTileLevels ? log::tile_width_at(size_, id->level, id->index) : 0;
      if (id->width == width) return {};
      return id->width < width ? older_tile(*id, path) : stray(path);
    }
    if (const auto id = log::parse_bundle_path(path)) {
      const unsigned width = log::tile_width_at(size_, 0, id->index);
      if (id->width == width) return {};
      return id->width < width ? older_bundle(*id, path) : stray(path);
    }
    return stray(path);
  }

 private:
  Status stray(const std::string& path) {
    findings_.add(Code::kStrayFile, size_, {path});
    return {};
  }

  // The hashes that the tree has there; nothing if no checked tile says so.
  Result<std::optional<Bytes>> checked(const log::TileId& id) {
    if (chain_ == nullptr) return std::optional<Bytes>();
    auto bytes = chain_->tile(id);
    if (bytes) return std::optional(std::move(*bytes));
    const Errc code = bytes.error().code;  // a broken or missing tile, which is a finding already
    if (code == Errc::kIntegrity || code == Errc::kNotFound) return std::optional<Bytes>();
    return std::move(bytes).error();
  }

  Status older_tile(const log::TileId& id, const std::string& path) {
    FK_TRY(const auto good, checked(id));
    if (!good) return stray(path);
    FK_TRY(const Bytes bytes, files_.tile(id));
    if (bytes == *good) return {};
    const auto differs = std::mismatch(good->begin(), good->end(), bytes.begin(), bytes.end()).first;
    const auto hash =
        std::min<std::uint64_t>(static_cast<std::uint64_t>(differs - good->begin()) / sizeof(Digest), id.width - 1);
    findings_.add(Code::kOlderDiffers, (id.index * kTileWidth + hash) << (id.level * log::kTileHeight), {path});
    return {};
  }

  Status older_bundle(const log::BundleId& id, const std::string& path) {
    FK_TRY(const auto good, checked({0, id.index, id.width}));
    if (!good) return stray(path);
    FK_TRY(const Bytes bytes, files_.bundle(id));
    const auto entries = log::decode_bundle(bytes, id.width);
    unsigned at = 0;
    while (entries && at < id.width) {
      const Digest leaf = log::leaf_hash((*entries)[at]);
      if (!std::equal(leaf.begin(), leaf.end(), good->begin() + static_cast<std::ptrdiff_t>(at * leaf.size()))) break;
      ++at;
    }
    if (!entries || at < id.width) findings_.add(Code::kOlderDiffers, id.index * kTileWidth + at, {path});
    return {};
  }

  const LogFiles& files_;
  const std::uint64_t size_;
  TileChain* const chain_;
  Findings& findings_;
};

}  // namespace

Result<Bytes> TrimmedTiles::operator()(const log::TileId& id) {
  FK_TRY(Bytes bytes, raw_(id));
  const std::size_t size = id.width * sizeof(Digest);
  if (id.width == kTileWidth || bytes.size() <= size) return bytes;
  if (named_.insert(format_path(id)).second) {
    findings_.add(Code::kTileTooLong, (id.index * kTileWidth) << (id.level * log::kTileHeight), {format_path(id)});
  }
  bytes.resize(size);
  return bytes;
}

Status check_strays(const LogFiles& files, std::uint64_t size, TileChain* chain, Findings& findings) {
  if (!files.list) return {};
  Strays strays(files, size, chain, findings);
  return files.list([&](const std::string& path) { return strays.look_at(path); });
}

}  // namespace facekeep::audit
