-- Every position with its value at the close of the date and its profit. What cannot be computed is null, and `note` says
-- why; a position without a price is never worth zero. On the day: the change of the unrealised profit since the
-- previous date, and all of it for a position that is new. Sums are exact decimals.
with held as (
  select
    (select max(cast(trade_date as date)) from the_date) as trade_date,
    (select max(cast(previous_date as date)) from the_previous_date) as previous_date,
    positions.portfolio,
    portfolios.portfolio as known_portfolio,
    portfolios.name as portfolio_name,
    positions.symbol,
    instruments.symbol as known_symbol,
    instruments.name as instrument,
    instruments.currency,
    cast(positions.quantity as decimal(18, 6)) as quantity,
    cast(positions.cost as decimal(34, 14)) as cost,
    cast(daily.close as decimal(19, 8)) as close
  from trusted_positions as positions
  left join trusted_portfolios as portfolios on portfolios.portfolio = positions.portfolio
  left join trusted_instruments as instruments on instruments.symbol = positions.symbol
  left join daily on daily.symbol = positions.symbol
),
valued as (
  select *, cast(quantity * close as decimal(34, 14)) as value from held
),
profits as (
  select *, value - cost as unrealised from valued
)
select
  profits.trade_date,
  profits.portfolio,
  profits.portfolio_name,
  profits.symbol,
  profits.instrument,
  profits.currency,
  profits.quantity,
  profits.cost,
  profits.close,
  profits.value,
  profits.unrealised,
  cast(profits.unrealised as double) / nullif(abs(cast(profits.cost as double)), 0) as unrealised_share,
  profits.previous_date,
  case
    when profits.previous_date is null then null
    when before.symbol is null then profits.unrealised
    else profits.unrealised - cast(before.unrealised as decimal(34, 14))
  end as day_profit,
  case
    when profits.quantity is null then 'the quantity is missing'
    when profits.cost is null then 'the cost is missing'
    when profits.close is null then concat('no price of ', profits.symbol, ' on this date')
    when profits.known_symbol is null then concat(profits.symbol, ' is not among the instruments')
    when profits.known_portfolio is null then concat(profits.portfolio, ' is not among the portfolios')
    when profits.previous_date is not null and before.symbol is not null and before.unrealised is null
      then concat('no profit on the day: no price on ', cast(profits.previous_date as string))
  end as note
from profits
left join previous_positions as before
  on before.portfolio = profits.portfolio and before.symbol = profits.symbol
order by profits.portfolio, profits.symbol
