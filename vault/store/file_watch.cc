#include "vault/store/file_watch.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
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

bool is_wal(const std::string& name) {
  return name.ends_with(".log");
}

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

// What one of this process's descriptors is open on: nothing unless it is a file that the engine writes.
Result<std::optional<std::string>> FileWatch::look(const std::string& fd) const {
  const fs::path link = "/proc/self/fd/" + fd;
  std::error_code ec;
  std::string target = fs::read_symlink(link, ec).string();
  const std::optional<std::string> none;
  if (ec) return none;  // closed since
  const bool deleted = target.ends_with(kDeleted);
  if (deleted) target.resize(target.size() - kDeleted.size());
  const fs::path path(target);
  if (path.parent_path() != dir_) return none;
  std::string name = path.filename().string();
  if (!is_wal(name) && !name.starts_with(kManifest)) return none;
  const OpenFile open = open_file_info(fd);
  if (!open.writable) return none;
  if (deleted) return changed(name, "deleted or replaced");
  struct stat by_fd {};
  struct stat by_name {};
  if (::stat(link.c_str(), &by_fd) != 0) return none;  // follows the link: the open file itself
  if (::stat(path.c_str(), &by_name) != 0) return changed(name, "deleted");
  if (by_fd.st_dev != by_name.st_dev || by_fd.st_ino != by_name.st_ino) return changed(name, "replaced");
  if (static_cast<std::uint64_t>(by_fd.st_size) < open.position) return changed(name, "truncated");
  return std::optional(std::move(name));
}

// A renamed file is open under its new name, so its own name is what is missing.
Status FileWatch::check_names(const std::set<std::string>& open) const {
  if (std::none_of(open.begin(), open.end(), is_wal)) return changed("*.log", "deleted or renamed");
  const auto manifest = open.lower_bound(std::string(kManifest));
  if (manifest == open.end() || !manifest->starts_with(kManifest)) return changed("MANIFEST", "deleted or renamed");
  std::string current;
  std::ifstream in(dir_ / "CURRENT");
  if (!std::getline(in, current) || !open.contains(current)) return changed("CURRENT", "deleted or altered");
  return {};
}

// Of a process with thousands of connections all descriptors take milliseconds: so first those that were the engine's
// before. Whatever is not as it was then is a question for all of them.
bool FileWatch::is_as_before(const std::string& wal) const {
  std::set<std::string> open;
  for (const std::string& fd : fds_) {
    auto name = look(fd);
    if (!name || !*name) return false;
    open.insert(std::move(**name));
  }
  return open.contains(wal) && check_names(open);
}

Status FileWatch::check_written(const std::string& wal) {
  if (is_as_before(wal)) return {};
  fds_.clear();
  std::set<std::string> open;
  std::error_code ec;
  fs::directory_iterator all("/proc/self/fd", ec);
  if (ec) return make_error(Errc::kIo, "/proc/self/fd can't be read", "the vault needs /proc to watch its files");
  for (const auto& entry : all) {
    std::string fd = entry.path().filename().string();
    FK_TRY(auto name, look(fd));
    if (!name) continue;
    open.insert(std::move(*name));
    fds_.push_back(std::move(fd));
  }
  return check_names(open);
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

Status FileWatch::check(const std::vector<TableFile>& tables, const std::string& wal) {
  FK_CHECK(check_written(wal));
  return check_tables(tables);
}

}  // namespace facekeep::store
