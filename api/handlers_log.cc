// The public log as C2SP tlog-tiles asks for it (https://c2sp.org/tlog-tiles): checkpoint, tiles, entry
// bundles; and proofs, for clients that do not want to fetch tiles.
#include "api/handlers.h"
#include "vault/log/checkpoint.h"
#include "vault/log/tiles.h"

namespace facekeep::api {
namespace {

// Neither a full tile nor a partial one of a given width ever changes: its width is in its path.
http::Response tile_response(Bytes bytes) {
  http::Response out;
  out.content_type = "application/octet-stream";
  out.body = std::move(bytes);
  out.headers.emplace_back("Cache-Control", "public, max-age=31536000, immutable");
  return out;
}

// Checkpoints and receipts: text that the next entry makes old.
http::Response note_response(std::string text) {
  http::Response out;
  out.content_type = "text/plain; charset=utf-8";
  out.body = to_bytes(text);
  out.headers.emplace_back("Cache-Control", "no-cache");
  return out;
}

Error no_tile() {
  return make_problem(Errc::kNotFound, "not-found", "the log has no such tile",
                      "paths are those of C2SP tlog-tiles; the checkpoint says how many entries there are");
}

// Entries in the latest published checkpoint: nothing beyond it is shown or proved. 0 before the first.
std::uint64_t published_size(const ApiContext& api) {
  return api.service.sequencer().published_size();
}

Status check_published(const ApiContext& api, std::uint64_t size) {
  if (size <= published_size(api)) return {};
  return make_problem(Errc::kInvalidArgument, "bad-parameter", "the log's published checkpoint is smaller than that",
                      "fetch /checkpoint first, and ask for sizes up to its own");
}

// The path without its leading slash. Nothing in a tile's path is ever percent-encoded.
std::string_view file_path(const Call& call) {
  return std::string_view(call.request.path).substr(1);
}

OrderedJson to_json(const std::vector<Digest>& hashes) {
  OrderedJson out = OrderedJson::array();
  for (const Digest& hash : hashes) out.push_back(to_base64(hash));
  return out;
}

OrderedJson to_json(const ledger::State::Origin& o) {
  return {{"proposal", o.proposal}, {"approvals", o.approvals}, {"done", o.done}};
}

}  // namespace

Result<http::Response> checkpoint(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  return note_response(api.service.sequencer().checkpoint());
}

Result<http::Response> cosigned(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  std::string note = api.service.sequencer().cosigned();
  if (!note.empty()) return note_response(std::move(note));
  return make_problem(Errc::kNotFound, "not-found", "no checkpoint has a quorum of cosignatures",
                      "the log names the witnesses, if the vault has any: GET /v1/witnesses says where");
}

Result<http::Response> handover(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  FK_TRY(const std::uint64_t n, number_segment(call.captured[0]));
  FK_TRY(std::string note, api.service.sequencer().handover(n));
  return note_response(std::move(note));
}

Result<http::Response> witnesses(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  return api.service.sequencer().read([](const ledger::State& st) -> Result<http::Response> {
    OrderedJson out = to_json(st.origin_of_witnesses());
    out["custodians"] = OrderedJson::array();
    for (const auto& change : st.custodian_changes()) out["custodians"].push_back(to_json(change));
    return json_response(out);
  });
}

Result<http::Response> tile(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  const auto id = log::parse_tile_path(file_path(call));
  if (!id || log::tile_width_at(published_size(api), id->level, id->index) < id->width) return no_tile();
  auto bytes = api.service.sequencer().tile(*id);
  if (bytes) return tile_response(std::move(*bytes));
  if (bytes.error().code == Errc::kNotFound) return no_tile();
  return std::move(bytes).error();
}

Result<http::Response> entries(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  const auto id = log::parse_bundle_path(file_path(call));
  if (!id || log::tile_width_at(published_size(api), 0, id->index) < id->width) return no_tile();
  auto bytes = api.service.sequencer().bundle(*id);
  if (bytes) return tile_response(std::move(*bytes));
  if (bytes.error().code == Errc::kNotFound) return no_tile();
  return std::move(bytes).error();
}

Result<http::Response> inclusion_proof(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {"index", "size"}));
  FK_TRY(const std::uint64_t index, number_parameter(call.request, "index"));
  FK_TRY(const std::uint64_t size, number_parameter(call.request, "size"));
  FK_CHECK(check_published(api, size));
  FK_TRY(const auto hashes, api.service.sequencer().inclusion(index, size));
  return json_response({{"index", index}, {"size", size}, {"proof", to_json(hashes)}});
}

Result<http::Response> entry_proof(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  FK_TRY(const std::uint64_t entry, number_segment(call.captured[0]));
  FK_TRY(std::string proof, api.service.sequencer().receipt(entry, log::Sequencer::Disclose::kNothing));
  return note_response(std::move(proof));
}

Result<http::Response> consistency_proof(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {"from", "to"}));
  FK_TRY(const std::uint64_t from, number_parameter(call.request, "from"));
  FK_TRY(const std::uint64_t to, number_parameter(call.request, "to"));
  FK_CHECK(check_published(api, to));
  FK_TRY(const auto hashes, api.service.sequencer().consistency(from, to));
  return json_response({{"from", from}, {"to", to}, {"proof", to_json(hashes)}});
}

}  // namespace facekeep::api
