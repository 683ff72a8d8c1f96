#include "tools/facekeep-audit/mirror.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "api/http/socket.h"
#include "tools/common/files.h"
#include "tools/common/say.h"

namespace facekeep::tools {
namespace {

constexpr std::size_t kMaxFile = 64U << 20;  // a bundle is under 17 MiB, its openings under 64

std::string first_line(std::string text) {
  text.erase(std::min(text.find_first_of("\r\n"), text.size()));
  return text;
}

bool is_of_tree(const std::string& path, std::uint64_t size) {
  if (const auto id = log::parse_tile_path(path)) {
    return id->level < log::kTileLevels && id->width == log::tile_width_at(size, id->level, id->index);
  }
  const auto id = log::parse_bundle_path(path);
  return id && id->width == log::tile_width_at(size, 0, id->index);
}

Status sync_file_system(const std::string& dir) {
  const http::UniqueFd fd(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() >= 0 && syncfs(fd.get()) == 0) return {};
  return make_error(Errc::kIo, "can't sync " + dir + ": " + std::strerror(errno));
}

}  // namespace

Result<log::VerifierKey> Mirror::vkey() const {
  const auto text = load_text(dir_ + "/vkey");
  if (!text) {
    return say_error(Errc::kNotFound, "no-mirror", Msg::kAuditNoMirror, Msg::kAuditNoMirrorHint, {dir_});
  }
  return log::parse_vkey(first_line(*text));
}

Result<log::LogKeys> Mirror::keys() const {
  FK_TRY(log::VerifierKey first, vkey());
  if (!has("log-keys")) return log::LogKeys(std::move(first));
  FK_TRY(const std::string text, load_text(dir_ + "/log-keys"));
  FK_TRY(log::LogKeys keys, log::LogKeys::parse(text));
  if (keys.first() == first) return keys;
  return make_error(Errc::kIntegrity, dir_ + "/log-keys does not begin with the key in " + dir_ + "/vkey",
                    "find out who changed one of them; fetch into a new folder");
}

Status Mirror::keep_keys(const log::FollowedKeys& followed) const {
  std::uint64_t n = 0;
  for (const std::string& note : followed.notes) FK_CHECK(write("handover/" + std::to_string(++n), as_bytes(note)));
  return write("log-keys", as_bytes(followed.keys.format()));
}

Result<std::optional<std::string>> Mirror::checkpoint() const {
  if (!has("checkpoint")) return std::optional<std::string>();
  FK_TRY(std::string note, load_text(dir_ + "/checkpoint"));
  return std::optional(std::move(note));
}

Result<std::vector<audit::SeenCheckpoint>> Mirror::seen() const {
  std::vector<audit::SeenCheckpoint> out;
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(dir_ + "/checkpoints", error)) {
    const std::string name = file.path().filename().string();
    if (name.ends_with(".new") || !file.is_regular_file(error)) continue;
    FK_TRY(std::string note, load_text(file.path().string()));
    out.push_back({"checkpoints/" + name, std::move(note)});
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

bool Mirror::has_openings() const {
  return has("openings");
}

audit::LogFiles Mirror::files() const {
  audit::LogFiles out;
  out.tile = [this](const log::TileId& id) { return read(format_path(id)); };
  out.bundle = [this](const log::BundleId& id) { return read(format_path(id)); };
  out.openings = [this](const log::BundleId& id) { return read(opening_path(id)); };
  out.list = [this](const auto& visit) { return list(visit); };
  out.handover = [this](std::uint64_t n) { return read("handover/" + std::to_string(n)); };
  std::error_code error;
  for (const auto& folder : std::filesystem::directory_iterator(dir_, error)) {  // of set_aside()
    if (!folder.path().filename().string().starts_with("lost-")) continue;
    const Mirror lost(folder.path().string());
    const auto note = lost.read("checkpoint");
    if (!note) continue;  // then it shows nothing
    out.lost.push_back(
        {std::string(as_chars(*note)), [lost](const log::TileId& id) { return lost.read(format_path(id)); }});
  }
  return out;
}

Status Mirror::list(const std::function<Status(const std::string& path)>& visit) const {
  std::error_code error;
  if (!has("tile")) return {};
  std::filesystem::recursive_directory_iterator at(dir_ + "/tile", error);
  for (; !error && at != std::filesystem::recursive_directory_iterator(); at.increment(error)) {
    if (at->is_directory(error)) continue;
    FK_CHECK(visit(std::filesystem::path(at->path()).lexically_relative(dir_).string()));
  }
  if (error) return make_error(Errc::kIo, "can't list " + dir_ + "/tile: " + error.message());
  return {};
}

Result<Bytes> Mirror::read(const std::string& path) const {
  FK_TRY(const std::string text, load_text(dir_ + "/" + path, kMaxFile));
  return to_bytes(text);
}

bool Mirror::has(const std::string& path) const {
  std::error_code error;
  return std::filesystem::exists(dir_ + "/" + path, error);
}

Status Mirror::write(const std::string& path, ByteView bytes) const {
  return replace_file(dir_ + "/" + path, as_chars(bytes));
}

void Mirror::forget(const std::string& path) const {
  std::error_code error;
  const std::filesystem::path file(dir_ + "/" + path);
  std::filesystem::remove(file, error);
  // "067.p" with the last partial in it; anything else is not empty.
  if (file.parent_path().extension() == ".p") std::filesystem::remove(file.parent_path(), error);
}

Status Mirror::set_aside(const std::string& name) const {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path to(dir_ + "/" + name);
  fs::create_directories(to, error);
  // The checkpoint goes first: without it a fetch takes nothing here for known.
  for (const char* what : {"checkpoint", "checkpoints", "tile", "openings", "register.json", "cosigned"}) {
    if (!has(what)) continue;
    fs::rename(dir_ + "/" + what, to / what, error);
    if (error) return make_error(Errc::kIo, "can't move " + dir_ + "/" + what + ": " + error.message());
  }
  return sync_file_system(dir_);
}

Status Mirror::take_over(const Mirror& from, std::uint64_t size) const {
  namespace fs = std::filesystem;
  std::vector<std::string> paths;
  FK_CHECK(from.list([&](const std::string& path) -> Status {
    if (is_of_tree(path, size)) paths.push_back(path);
    return {};
  }));
  std::error_code error;
  for (const std::string& path : paths) {
    const fs::path to(dir_ + "/" + path);
    fs::create_directories(to.parent_path(), error);
    fs::rename(from.dir_ + "/" + path, to, error);
    if (error) return make_error(Errc::kIo, "can't move a file to " + to.string() + ": " + error.message());
  }
  fs::remove_all(from.dir_, error);
  return paths.empty() ? Status() : sync_file_system(dir_);
}

std::string Mirror::opening_path(const log::BundleId& id) {
  static constexpr std::string_view kBundles = "tile/entries";
  return "openings" + format_path(id).substr(kBundles.size());
}

Status Mirror::keep_checkpoint(const log::Checkpoint& checkpoint, const std::string& note) const {
  std::string path = "checkpoints/" + std::to_string(checkpoint.size);
  if (has(path)) {
    FK_TRY(const Bytes kept, read(path));
    const auto parsed = log::parse_note(as_chars(kept));
    const auto before = parsed ? log::parse_checkpoint_text(parsed->text, log::Extensions::kTolerate)
                               : Result<log::Checkpoint>(parsed.error());
    if (before && before->root == checkpoint.root) return {};
    path += "-" + to_hex(ByteView(checkpoint.root).first(8));
  }
  return write(path, as_bytes(note));
}

}  // namespace facekeep::tools
