module range.test/range-go

go 1.19
