-- Every trade of raw_trades, typed, with the reason for which it is refused; null where it is taken.
-- raw_late has the trades that are in no bar, although they may be stored as trades too.
with lines as (
  select
    _id as id,
    symbol,
    coalesce(nullif(regexp_extract(price, '[$]number[A-Za-z]+":"([^"]*)"', 1), ''), price) as price_text,
    coalesce(nullif(regexp_extract(size, '[$]number[A-Za-z]+":"([^"]*)"', 1), ''), size) as size_text,
    try_cast(tradedAt as timestamp) as traded_at,
    try_cast(receivedAt as timestamp) as received_at,
    nullif(translate(conditions, '[]"', ''), '') as conditions,
    session,
    tradeDate as trade_date,
    coalesce(eligible, 'price and volume') as eligible,
    feed,
    vendorId as vendor_id,
    copyOf as copy_of,
    row_number() over (partition by _id order by receivedAt nulls last) as copy
  from raw_trades
),
typed as (
  select
    *,
    try_cast(price_text as double) as price_double,
    try_cast(size_text as double) as size_double,
    try_cast(price_text as decimal(19, 8)) as price,
    try_cast(size_text as decimal(18, 8)) as size,
    case
      when regexp_extract(id, '^(.*)-([0-9]+)-([0-9]+)$', 2) = '' then id
      else regexp_extract(id, '^(.*)-([0-9]+)-([0-9]+)$', 1)
    end as connection,
    coalesce(try_cast(regexp_extract(id, '^(.*)-([0-9]+)-([0-9]+)$', 2) as bigint), 0) as frame,
    coalesce(try_cast(regexp_extract(id, '^(.*)-([0-9]+)-([0-9]+)$', 3) as bigint), 0) as frame_index
  from lines
),
late as (
  select _id as late_id, max(reason) as exclusion from raw_late group by _id
)
select
  typed.*,
  late.exclusion,
  late.exclusion is null and eligible <> 'nothing' as in_bars,
  price is null or size is null
    or cast(price as double) <> price_double or cast(size as double) <> size_double as is_rounded,
  case
    when id is null then 'id is missing'
    when copy > 1 then 'the id stands in the capture more than once'
    when price_double is null then concat('price is ', coalesce(price_text, 'missing'), ', expected a number')
    when not (price_double = 0 or (price_double >= 1e-50 and price_double <= 1e50))
      then concat('price is ', price_text, ', expected a number from 1e-50 to 1e50, or 0')
    when size_double is null then concat('size is ', coalesce(size_text, 'missing'), ', expected a number')
    when not (size_double = 0 or (size_double >= 1e-50 and size_double <= 1e50))
      then concat('size is ', size_text, ', expected a number from 1e-50 to 1e50, or 0')
    when traded_at is null then 'tradedAt is no time'
    when received_at is null then 'receivedAt is no time'
    when session is null then 'session is missing'
    when trade_date is null then 'tradeDate is missing'
    when feed is null then 'feed is missing'
    when trade_date <> (select max(trade_date) from the_date)
      then concat('tradeDate is ', trade_date, ', another than that of its time')
  end as reason
from typed
left join late on late.late_id = typed.id
