#include "tools/facekeepd/mirror.h"

#include <fstream>

#include "vault/base/json.h"

namespace facekeep::daemon {
namespace fs = std::filesystem;

Result<MirrorWriter> MirrorWriter::create(fs::path dir, bool with_openings) {
  std::error_code ec;
  fs::create_directories(dir, ec);
  if (!ec && !fs::is_empty(dir, ec) && !ec) {
    return make_error(Errc::kFailedPrecondition, dir.string() + " has something in it",
                      "name a new folder: a mirror is written whole");
  }
  // Custody openings say who enrolled and erased when: the owner's alone until the owner gives them away.
  if (!ec && with_openings) fs::permissions(dir, fs::perms::owner_all, ec);
  if (ec) return make_error(Errc::kIo, "can't make the folder " + dir.string() + ": " + ec.message());
  return MirrorWriter(std::move(dir), with_openings);
}

Status MirrorWriter::write(const std::string& path, ByteView bytes) const {
  const fs::path file = dir_ / path;
  std::error_code ec;
  fs::create_directories(file.parent_path(), ec);
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  const std::string_view text = as_chars(bytes);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  out.close();
  if (!out) return make_error(Errc::kIo, "can't write " + file.string(), "look at the disk's room and the permissions");
  return {};
}

Status MirrorWriter::write_bundle() {
  const log::BundleId id{(tree_.size() - 1) / log::kTileWidth, static_cast<unsigned>(entries_.size())};
  FK_TRY(const Bytes bundle, log::encode_bundle(entries_));
  const std::string path = log::format_path(id);
  FK_CHECK(write(path, bundle));
  if (with_openings_) {
    const std::string beside = "openings" + path.substr(std::string_view("tile/entries").size());
    openings_.bundle = id.index;
    FK_CHECK(write(beside, as_bytes(audit::openings_text(openings_) + "\n")));
  }
  entries_.clear();
  openings_.entries.clear();
  return {};
}

Status MirrorWriter::append(ByteView entry, audit::Opening opening) {
  std::vector<log::FullTile> completed;
  openings_.entries.emplace(tree_.size(), std::move(opening));
  tree_.append(log::leaf_hash(entry), completed);
  for (const auto& tile : completed) {
    FK_CHECK(write(log::format_path(log::TileId{tile.level, tile.index, log::kTileWidth}), tile.hashes));
  }
  entries_.push_back(to_bytes(entry));
  return entries_.size() == log::kTileWidth ? write_bundle() : Status();
}

Status MirrorWriter::finish(std::string_view checkpoint_note, std::string_view vkey,
                            const log::FollowedKeys& followed) {
  if (!entries_.empty()) FK_CHECK(write_bundle());
  const log::TileReader none = [](const log::TileId& id) -> Result<Bytes> {
    return make_error(Errc::kInternal, "a partial tile asked for the full tile " + log::format_path(id));
  };
  for (const log::TileId& id : log::partial_tiles(tree_.size())) {
    FK_TRY(const Bytes tile, tree_.tile(id, none));
    FK_CHECK(write(log::format_path(id), tile));
  }
  FK_CHECK(write("vkey", as_bytes(std::string(vkey) + "\n")));
  for (std::size_t i = 0; i < followed.notes.size(); ++i) {
    FK_CHECK(write("handover/" + std::to_string(i + 1), as_bytes(followed.notes[i])));
  }
  if (!followed.notes.empty()) FK_CHECK(write("log-keys", as_bytes(followed.keys.format())));
  return write("checkpoint", as_bytes(checkpoint_note));
}

}  // namespace facekeep::daemon
