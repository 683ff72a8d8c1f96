#include "tools/common/rows.h"

#include <cstring>
#include <sstream>

#include "tests/support/catch.h"
#include "tests/unit/tools/scratch.h"
#include "tools/common/matrix_file.h"
#include "vault/base/bytes.h"

using namespace facekeep;
using namespace facekeep::tools;

namespace {

std::string npy(const std::string& dict, const std::string& data, char major = 1) {
  std::string out = "\x93NUMPY";
  out += major;
  out += '\0';
  out += static_cast<char>(dict.size() & 0xff);
  out += static_cast<char>(dict.size() >> 8);
  if (major == 2) out += std::string(2, '\0');
  return out + dict + data;
}

template <class T>
std::string raw(std::initializer_list<T> values) {
  std::string out(values.size() * sizeof(T), '\0');
  std::memcpy(out.data(), values.begin(), out.size());
  return out;
}

std::string dict_of(const std::string& descr, const std::string& order, const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }  \n";
}

std::string open_error(const std::string& content) {
  const Scratch dir;
  const auto file = MatrixFile::open_npy(dir.write("a.npy", content));
  return file ? "opened" : file.error().message;
}

// "subject:v,v" or "!message" for every row.
std::string all(RowSource& rows) {
  std::string out;
  for (;;) {
    auto row = rows.next();
    if (!row) return out + "broken: " + row.error().message;
    if (!*row) return out;
    out += std::to_string((*row)->number) + " ";
    if ((*row)->error) {
      CHECK((*row)->values.empty());
      out += "!" + (*row)->error->message;
    } else {
      out += (*row)->subject + ":";
      for (const float v : (*row)->values) out += " " + std::to_string(static_cast<int>(v * 100));
    }
    out += "\n";
  }
}

std::string from_csv(const std::string& text, std::uint32_t dimension = 0) {
  std::istringstream in(text);
  auto rows = csv_rows(in, dimension);
  return rows ? all(**rows) : "refused: " + rows.error().message;
}

std::string from_ndjson(const std::string& text, std::uint32_t dimension = 0) {
  std::istringstream in(text);
  return all(*ndjson_rows(in, dimension));
}

}  // namespace

TEST_CASE(".npy matrices of float32 and float64 are read row by row") {
  const Scratch dir;
  const std::string f4 = npy(dict_of("<f4", "False", "(2, 3)"), raw<float>({1, 2, 3, 4, 5, 6}));
  const std::string f8 = npy(dict_of("<f8", "False", "(2, 3)"), raw<double>({1, 2, 3, 4, 5, 6}), 2);
  for (const std::string& content : {f4, f8}) {
    const auto file = MatrixFile::open_npy(dir.write("a.npy", content));
    REQUIRE(file);
    CHECK(file->rows() == 2);
    CHECK(file->dimension() == 3);
    std::vector<float> row(3);
    REQUIRE(file->read(1, row));
    CHECK(row == std::vector<float>{4, 5, 6});
  }
}

TEST_CASE("the .npy header written is the one read, aligned to 64 bytes") {
  const Bytes header = npy_header(100000, 512);
  CHECK(header.size() % 64 == 0);
  const auto parsed = parse_npy_header(header);
  REQUIRE(parsed);
  CHECK(parsed->rows == 100000);
  CHECK(parsed->dimension == 512);
  CHECK(parsed->value_size == 4);
  CHECK(parsed->data_offset == header.size());
}

TEST_CASE("NumPy reads the header that is written") {
  if (std::system("/usr/bin/python3 -c 'import numpy' 2>/dev/null") != 0) {
    WARN("skipped: python3-numpy is not installed");
    return;
  }
  const Scratch dir;
  const Bytes header = npy_header(1, 3);
  const std::string path = dir.write("a.npy", std::string(as_chars(header)) + raw<float>({1, 2, 3}));
  CHECK(std::system(("/usr/bin/python3 -c \"import numpy,sys; a=numpy.load('" + path +
                     "'); sys.exit(not (a.shape==(1,3) and a[0,2]==3))\"")
                        .c_str()) == 0);
  REQUIRE(std::system(("/usr/bin/python3 -c \"import numpy; numpy.save('" + path +
                       "', numpy.arange(6, dtype='<f8').reshape(3,2))\"")
                          .c_str()) == 0);
  const auto file = MatrixFile::open_npy(path);
  REQUIRE(file);
  std::vector<float> row(2);
  REQUIRE(file->read(2, row));
  CHECK(row == std::vector<float>{4, 5});
}

TEST_CASE("what is wrong with a .npy file is named") {
  const std::string data = raw<float>({1, 2, 3, 4, 5, 6});
  CHECK(open_error("") == "this is not a .npy file");
  CHECK(open_error("PK\x03\x04 something else") == "this is not a .npy file");
  CHECK(open_error(npy(dict_of("<f4", "False", "(2, 3)"), data, 3)) ==
        "the .npy file is of a version other than 1.0 and 2.0");
  for (const char* dtype : {">f4", "<i4", "<f2", "|O"}) {
    CHECK(open_error(npy(dict_of(dtype, "False", "(2, 3)"), data)) ==
          "the array's dtype is neither little-endian float32 nor float64");
  }
  CHECK(open_error(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3)}", data)) ==
        "the array has a structured dtype");
  CHECK(open_error(npy(dict_of("<f4", "True", "(2, 3)"), data)) == "the array is in Fortran (column) order");
  CHECK(open_error(npy(dict_of("<f4", "False", "(6,)"), data)) == "the array has 1 dimensions, not 2");
  CHECK(open_error(npy(dict_of("<f4", "False", "(1, 2, 3)"), data)) == "the array has 3 dimensions, not 2");
  CHECK(open_error(npy(dict_of("<f4", "False", "(2, 0)"), data)).starts_with("the array's shape is outside"));
  CHECK(open_error(npy(dict_of("<f4", "False", "(2, 4097)"), data)).starts_with("the array's shape is outside"));
  CHECK(open_error(npy(dict_of("<f4", "False", "(18446744073709551615, 3)"), data))
            .starts_with("the array's shape is outside"));
  CHECK(open_error(npy(dict_of("<f4", "False", "(2, 3)"), data.substr(0, 23))) ==
        "the .npy file is cut short: 2 rows are announced, 1 are there");
  CHECK(open_error(npy(dict_of("<f4", "False", "(2, 3)"), data + "x")) == "the .npy file has bytes behind its array");
}

TEST_CASE("damaged .npy headers are refused, wherever they are cut") {
  const std::string whole = npy(dict_of("<f4", "False", "(2, 3)"), "");
  for (std::size_t n = 0; n < whole.size(); ++n) CHECK_FALSE(parse_npy_header(as_bytes(whole.substr(0, n))));
  for (const char* dict : {"", "{", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3",
                           "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2, 3)}",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3)}",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 99999999999999999999)}",
                           "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'x': 1}",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} x"}) {
    INFO(dict);
    CHECK_FALSE(parse_npy_header(as_bytes(npy(dict, ""))));
  }
}

TEST_CASE("raw float32 needs its dimension and a whole number of rows") {
  const Scratch dir;
  const std::string path = dir.write("a.f32", raw<float>({1, 2, 3, 4, 5, 6}));
  const auto file = MatrixFile::open_f32(path, 3);
  REQUIRE(file);
  CHECK(file->rows() == 2);
  CHECK(MatrixFile::open_f32(path, 4).error().code == Errc::kMalformed);
  CHECK(MatrixFile::open_f32(path, 0).error().code == Errc::kInvalidArgument);
  CHECK(MatrixFile::open_f32(path + "x", 3).error().code == Errc::kNotFound);
  CHECK(MatrixFile::open_f32(dir.path().string(), 3).error().code == Errc::kInvalidArgument);
}

TEST_CASE("a file that shrinks while it is read is an error") {
  const Scratch dir;
  const std::string path = dir.write("a.f32", raw<float>({1, 2, 3, 4}));
  const auto file = MatrixFile::open_f32(path, 2);
  REQUIRE(file);
  std::filesystem::resize_file(path, 8);
  std::vector<float> row(2);
  CHECK(file->read(0, row));
  CHECK(file->read(1, row).error().code == Errc::kIo);
}

TEST_CASE("CSV embeddings have a subject column and numbers") {
  CHECK(from_csv("subject,a,b\nli,0.5,-1e-1\nwang, 1 ,2\n") == "1 li: 50 -10\n2 wang: 100 200\n");
  CHECK(from_csv("a,subject\n1,li\n") == "1 li: 100\n");
  CHECK(from_csv("") == "refused: the CSV file is empty");
  CHECK(from_csv("name,a\nli,1\n").starts_with("refused: "));
  CHECK(from_csv("subject\nli\n").starts_with("refused: "));
  CHECK(from_csv("subject,subject,a\n").starts_with("refused: "));
  CHECK(from_csv("\"a\"b,subject\n").starts_with("refused: "));
}

TEST_CASE("bad CSV rows are reported by number and the rest is read") {
  CHECK(from_csv("subject,a,b\n"
                 "li,1\n"
                 "li,1,x\n"
                 "li,1,\n"
                 "li,1,nan\n"
                 "li,1,-inf\n"
                 "li,1,1e99\n"
                 "li,0,0\n"
                 ",1,2\n"
                 "l\"i,1,2\n"
                 "li,1,2\n") ==
        "1 !there are 2 columns, not 3\n"
        "2 !column 3 is no number\n"
        "3 !column 3 is no number\n"
        "4 !a value is NaN or infinite\n"
        "5 !a value is NaN or infinite\n"
        "6 !column 3 is no number\n"
        "7 !all values are zero\n"
        "8 !there is no subject id\n"
        "9 !a quote stands inside a field\n"
        "10 li: 100 200\n");
}

TEST_CASE("NDJSON rows hold numbers or base64 float32") {
  const std::string values = raw<float>({0.5F, 2});
  CHECK(from_ndjson("{\"subject\":\"li\",\"template\":[0.5,2]}\n\n{\"subject\":\"wang\",\"template\":\"" +
                    to_base64(as_bytes(values)) + "\"}") == "1 li: 50 200\n2 wang: 50 200\n");
}

TEST_CASE("bad NDJSON rows are reported by number and the rest is read") {
  const std::string out = from_ndjson(
      "nonsense\n"
      "[1,2]\n"
      "{\"subject\":\"li\"}\n"
      "{\"subject\":\"li\",\"template\":[1,2],\"extra\":1}\n"
      "{\"subject\":7,\"template\":[1,2]}\n"
      "{\"subject\":\"li\",\"template\":{}}\n"
      "{\"subject\":\"li\",\"template\":[1,\"2\"]}\n"
      "{\"subject\":\"li\",\"template\":[]}\n"
      "{\"subject\":\"li\",\"template\":\"AAA\"}\n"
      "{\"subject\":\"li\",\"template\":\"AAAA\"}\n"
      "{\"subject\":\"li\",\"template\":[1,1e300]}\n"
      "{\"subject\":\"l\\ni\",\"template\":[1,2]}\n"
      "{\"subject\":\"li\",\"subject\":\"wang\",\"template\":[1,2]}\n" +
      std::string(kMaxSubjectBytes * 20000, 'x') +
      "\n"
      "{\"subject\":\"" +
      std::string(129, 'x') +
      "\",\"template\":[1,2]}\n"
      "{\"subject\":\"li\",\"template\":[1,2]}\n");
  for (int i = 1; i <= 15; ++i) CHECK(out.find(std::to_string(i) + " !") != std::string::npos);
  CHECK(out.ends_with("\n16 li: 100 200\n"));
}

TEST_CASE("the first good row sets the dimension unless one is given") {
  CHECK(from_ndjson("{\"subject\":\"a\",\"template\":[1,2]}\n{\"subject\":\"b\",\"template\":[1,2,3]}\n") ==
        "1 a: 100 200\n2 !there are 3 values, not 2\n");
  CHECK(from_csv("subject,a\nli,1\n", 2) == "1 !there are 1 values, not 2\n");
}

TEST_CASE("a matrix takes its subjects from the labels beside it") {
  const Scratch dir;
  const std::string matrix = dir.write("m.f32", raw<float>({1, 2, 3, 4, 0, 0}));
  const auto rows = [&](const std::string& labels, const std::string& column = {}) -> std::string {
    auto source = open_rows({matrix, dir.write("l.csv", labels), column, 2});
    if (!source) return "refused: " + source.error().message;
    CHECK((*source)->total() == std::uint64_t{3});
    return all(**source);
  };
  CHECK(rows("row,person,image\n0,li,1\n1,li,2\n2,wang,1\n") ==
        "1 li: 100 200\n2 li: 300 400\n3 !all values are zero\n");
  CHECK(rows("id\nli\nwang\nwu\n").starts_with("1 li: 100 200\n2 wang:"));
  CHECK(rows("row,who\n0,li\n1,wu\n2,wu\n", "who").starts_with("1 li: 100 200\n2 wu:"));
  CHECK(rows("row,person\n0,li\n2,wang\n1,wu\n").find("2 !the label is for another row") != std::string::npos);
  CHECK(rows("a,b\n0,li\n").starts_with("refused: "));
  CHECK(rows("").starts_with("refused: "));
  CHECK(rows("person\nli\n").find("broken: the labels file has fewer rows") != std::string::npos);
  CHECK(rows("person\nli\nli\nli\nli\n").find("broken: the labels file has more rows") != std::string::npos);
}

TEST_CASE("files are opened by their extension") {
  const Scratch dir;
  CHECK(all(**open_rows({dir.write("a.csv", "subject,a\nli,1\n"), {}, {}, 0})) == "1 li: 100\n");
  CHECK(all(**open_rows({dir.write("a.ndjson", "{\"subject\":\"li\",\"template\":[1]}"), {}, {}, 0})) == "1 li: 100\n");
  CHECK(open_rows({dir.write("a.txt", ""), {}, {}, 0}).error().code == Errc::kInvalidArgument);
  CHECK(open_rows({dir.write("a.f32", "1234"), {}, {}, 1}).error().code == Errc::kInvalidArgument);  // no labels
  CHECK(open_rows({(dir.path() / "none.csv").string(), {}, {}, 0}).error().code == Errc::kNotFound);
}
