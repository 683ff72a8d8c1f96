#include "vault/store/file_watch.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>
#include <set>
#include <system_error>

namespace facekeep::store {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDeleted = " (deleted)";  // what the kernel appends to the link's text
constexpr std::string_view kManifest = "MANIFEST-";

Error changed(const std::string& name, const char* how) {
  return make_error(Errc::kIntegrity, "the store's file " + name + " was " + how + " while the vault was running",
                    "find out who did it, keep the folder as evidence, and restore from a backup");
}

struct OpenFile {
  std::uint64_t position = 0;
  bool writable = false;
};

// From /proc/self/fdinfo: "pos:\t123" and "flags:\t0100001" (octal).
OpenFile open_file_info(const std::string& fd) {
  OpenFile out;
  std::ifstream in("/proc/self/fdinfo/" + fd);
  for (std::string word; in >> word;) {
    if (word == "pos:") in >> out.position;
    if (word == "flags:") {
      unsigned flags = 0;
      in >> std::oct >> flags >> std::dec;
      out.writable = (flags & O_ACCMODE) != O_RDONLY;
    }
  }
  return out;
}

}  // namespace

Status FileWatch::check_written() const {
  std::set<std::string> manifests;
  bool wal = false;
  std::error_code ec;
  fs::directory_iterator fds("/proc/self/fd", ec);
  if (ec) return make_error(Errc::kIo, "/proc/self/fd can't be read", "the vault needs /proc to watch its files");
  for (const auto& entry : fds) {
    std::string target = fs::read_symlink(entry.path(), ec).string();
    if (ec) continue;  // closed since
    const bool deleted = target.ends_with(kDeleted);
    if (deleted) target.resize(target.size() - kDeleted.size());
    const fs::path path(target);
    if (path.parent_path() != dir_) continue;
    const std::string name = path.filename().string();
    const bool is_wal = name.ends_with(".log");
    const bool is_manifest = name.starts_with(kManifest);
    if (!is_wal && !is_manifest) continue;
    const OpenFile open = open_file_info(entry.path().filename().string());
    if (!open.writable) continue;
    if (deleted) return changed(name, "deleted or replaced");
    struct stat by_fd {};
    struct stat by_name {};
    if (::stat(entry.path().c_str(), &by_fd) != 0) continue;  // follows the link: the open file itself
    if (::stat(path.c_str(), &by_name) != 0) return changed(name, "deleted");
    if (by_fd.st_dev != by_name.st_dev || by_fd.st_ino != by_name.st_ino) return changed(name, "replaced");
    if (static_cast<std::uint64_t>(by_fd.st_size) < open.position) return changed(name, "truncated");
    wal = wal || is_wal;
    if (is_manifest) manifests.insert(name);
  }
  // A renamed file is open under its new name, so its own name is what is missing.
  if (!wal) return changed("*.log", "deleted or renamed");
  if (manifests.empty()) return changed("MANIFEST", "deleted or renamed");
  std::string current;
  std::ifstream in(dir_ / "CURRENT");
  if (!std::getline(in, current) || manifests.count(current) == 0) return changed("CURRENT", "deleted or altered");
  return {};
}

Status FileWatch::check_tables(const std::vector<TableFile>& tables) {
  std::map<std::string, std::pair<dev_t, ino_t>> now;
  for (const TableFile& table : tables) {
    struct stat s {};
    if (::stat((dir_ / table.name).c_str(), &s) != 0) return changed(table.name, "deleted");
    if (static_cast<std::uint64_t>(s.st_size) != table.size) return changed(table.name, "truncated or extended");
    const std::pair id(s.st_dev, s.st_ino);
    const auto before = seen_.find(table.name);
    if (before != seen_.end() && before->second != id) return changed(table.name, "replaced");
    now.emplace(table.name, id);
  }
  seen_ = std::move(now);
  return {};
}

Status FileWatch::check(const std::vector<TableFile>& tables) {
  FK_CHECK(check_written());
  return check_tables(tables);
}

}  // namespace facekeep::store
