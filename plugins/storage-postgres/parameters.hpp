// Values in PostgreSQL's binary format: the parameters of a statement, single or as arrays of many rows. Pure values.
#pragma once

#include <engram/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace engram::storage_postgres {

// The object ids of built-in types (pg_type.dat), which never change.
enum class Type : uint32_t { Bytes = 17, Integer = 20, Small = 23, Text = 25, Single = 700, Real = 701, Uuid = 2950 };

namespace binary {

std::string integer(int64_t value);  // bigint
std::string small(int32_t value);    // integer
std::string single(float value);     // real
std::string real(double value);      // double precision
std::string_view uuid(const engram_uuid& id);
// Read back; 0 if the field does not have the type's size.
int64_t toInteger(std::string_view bytes);
int32_t toSmall(std::string_view bytes);
float toSingle(std::string_view bytes);
double toReal(std::string_view bytes);
engram_uuid toUuid(std::string_view bytes);

}  // namespace binary

// A one-dimensional array of one type, for unnest() and = ANY().
class Array {
public:
    explicit Array(Type element) : element_(element) {}

    Array& add(std::string_view binary_value);
    Array& add(int64_t value) { return add(binary::integer(value)); }
    Array& addNull();
    Array& addTime(engram_time value) { return value == ENGRAM_TIME_NONE ? addNull() : add(value); }
    bool empty() const { return n_ == 0; }
    size_t bytes() const { return elements_.size(); }
    std::string encoded() const;

private:
    Type element_;
    int32_t n_ = 0;
    bool nulls_ = false;
    std::string elements_;
};

// In the order of $1, $2, …; the statement's casts say what each is.
class Parameters {
public:
    Parameters& add(std::string_view binary_value) {
        values_.emplace_back(binary_value);
        return *this;
    }
    Parameters& add(int64_t value) { return add(binary::integer(value)); }
    Parameters& add(uint64_t value) { return add(binary::integer(static_cast<int64_t>(value))); }
    Parameters& add(int32_t value) { return add(binary::small(value)); }
    Parameters& add(const Array& array) { return add(array.encoded()); }
    Parameters& add(const engram_uuid& id) { return add(binary::uuid(id)); }
    const std::vector<std::string>& values() const { return values_; }

private:
    std::vector<std::string> values_;
};

}  // namespace engram::storage_postgres
