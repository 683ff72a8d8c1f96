#include "tools/facekeep/import_state.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "api/http/socket.h"
#include "tools/facekeep/context.h"

namespace facekeep::tools {
namespace {

Error io_error(const std::string& path) {
  return say_error(Errc::kIo, "unwritable-file", Msg::kCliUnwritable, Msg::kCliUnwritableHint, {path});
}

}  // namespace

Json to_json(const ImportState& s) {
  return {{"v", 1},
          {"vault", s.vault},
          {"site", s.site},
          {"model", s.model},
          {"size", s.file_size},
          {"next", s.next},
          {"enrolled", s.enrolled},
          {"existing", s.existing},
          {"rejected", s.rejected}};
}

Result<ImportState> parse_import_state(std::string_view text) {
  const auto bad = [] {
    return say_error(Errc::kMalformed, "bad-import-state", Msg::kCliBadState, Msg::kCliOtherImportHint);
  };
  const auto json = parse_json(text);
  if (!json || !json->is_object() || json->value("v", Json()) != 1) return bad();
  ImportState s;
  for (const auto& [key, to] : {std::pair("vault", &s.vault), {"site", &s.site}, {"model", &s.model}}) {
    const Json value = json->value(key, Json());
    if (!value.is_string()) return bad();
    *to = value.get<std::string>();
  }
  for (const auto& [key, to] : {std::pair("size", &s.file_size),
                                {"next", &s.next},
                                {"enrolled", &s.enrolled},
                                {"existing", &s.existing},
                                {"rejected", &s.rejected}}) {
    const Json value = json->value(key, Json());
    if (!value.is_number_unsigned()) return bad();
    *to = value.get<std::uint64_t>();
  }
  if (s.next < 1) return bad();
  return s;
}

Result<ImportState> ImportFiles::resume(const ImportState& fresh) const {
  std::error_code error;
  if (!std::filesystem::exists(state_, error)) {
    std::filesystem::remove(rejects_, error);
    return fresh;
  }
  FK_TRY(const std::string text, load_text(state_));
  FK_TRY(ImportState found, parse_import_state(text));
  if (found.vault != fresh.vault || found.site != fresh.site || found.model != fresh.model ||
      found.file_size != fresh.file_size) {
    return say_error(Errc::kFailedPrecondition, "other-import", Msg::kCliOtherImport, Msg::kCliOtherImportHint,
                     {state_});
  }
  return found;
}

Status ImportFiles::save(const ImportState& state) const {
  return replace_file(state_, to_json(state).dump() + "\n", 0600);
}

void ImportFiles::finish() const {
  std::error_code ignored;
  std::filesystem::remove(state_, ignored);
}

Status ImportFiles::reject(std::uint64_t number, const std::string& subject, const Error& error) const {
  Json line = {{"row", number},
               {"problem", error.problem != nullptr ? error.problem : std::string(to_string(error.code))},
               {"message", error.message}};
  if (!subject.empty()) line["subject"] = subject;
  if (!error.hint.empty()) line["hint"] = error.hint;
  const http::UniqueFd fd(::open(rejects_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  if (fd.get() < 0 || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return io_error(rejects_);
  }
  return {};
}

Result<std::set<std::uint64_t>> ImportFiles::rejected_before(std::uint64_t next) const {
  std::set<std::uint64_t> out;
  std::error_code error;
  if (!std::filesystem::exists(rejects_, error)) return out;
  std::ifstream in(rejects_, std::ios::binary);
  std::string kept;
  for (std::string line; std::getline(in, line);) {
    const auto json = parse_json(line);
    // A line that is cut short was being written when the run ended: its row comes again.
    if (!json || !json->is_object()) continue;
    const Json row = json->value("row", Json());
    if (!row.is_number_unsigned() || row.get<std::uint64_t>() >= next) continue;
    out.insert(row.get<std::uint64_t>());
    kept += line + "\n";
  }
  in.close();
  FK_CHECK(replace_file(rejects_, kept, 0600));
  return out;
}

}  // namespace facekeep::tools
