-- Correlation of the log returns of five minutes in which both symbols traded; pairs with 10 or more of them.
with fives as (
  select
    symbol,
    floor(unix_millis(minute) / 300000.0) as five,
    max_by(cast(close as double), minute) as close
  from minutes
  where close > 0
  group by symbol, floor(unix_millis(minute) / 300000.0)
),
returns as (
  select
    symbol,
    five,
    ln(close / lag(close) over (partition by symbol order by five)) as log_return
  from fives
)
select
  a.symbol as symbol,
  b.symbol as other,
  corr(a.log_return, b.log_return) as correlation,
  count(*) as n
from returns a
join returns b on a.five = b.five and a.symbol < b.symbol
where a.log_return is not null and b.log_return is not null
group by a.symbol, b.symbol
having count(*) >= 10
order by a.symbol, b.symbol
