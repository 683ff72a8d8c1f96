// Embeddings from the files of a person at the command, and as they go into a request's body.
//
// The values are somebody's face: they live in vectors that are overwritten, and no error quotes one.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "api/http/buffer.h"
#include "api/vector_codec.h"
#include "vault/base/result.h"

namespace facekeep::tools {

// One embedding. By the path's extension: .npy (row `row`, 1 is the first), .f32 (the whole file), .json (an
// array of numbers, or base64 of little-endian float32). kInvalidArgument, kNotFound, kMalformed, kIo.
Result<api::ScopedVector> load_vector(const std::string& path, std::uint64_t row = 1);

// MODEL=FILE, as --template takes it.
struct TemplateFile {
  std::string model;
  std::string path;
};
Result<TemplateFile> parse_template_option(const std::string& text);

// Appends text, or the JSON string with the base64 of little-endian float32.
void append_text(http::CleansedBytes& out, std::string_view text);
void append_vector(http::CleansedBytes& out, std::span<const float> values);
// Appends {"model":...,"template":...}.
void append_template(http::CleansedBytes& out, std::string_view model, std::span<const float> values);

}  // namespace facekeep::tools
